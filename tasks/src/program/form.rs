//! How programs and tests are written down: in the lines that `tripos grade code` reads and in the
//! items of a suite file.

use serde::Deserialize;

use super::{
    Call, Check, FunctionTests, Language, Limits, Program, StdioCase, StdioTests, Tests, Tolerance,
};

/// A program with its tests, as one line of JSON has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Case {
    /// The language.
    pub lang: Language,
    /// The program's text.
    pub program: String,
    /// The tests.
    pub tests: TestsForm,
    /// Limits in place of the defaults.
    #[serde(default)]
    pub limits: Limits,
}

/// Tests as they are written down.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum TestsForm {
    /// A function: give one of `test`, `asserts`, `calls` and `beside`.
    Function {
        /// The function's name.
        #[serde(default)]
        entry: String,
        /// The text the function completes.
        #[serde(default)]
        prelude: String,
        /// Python that defines `check(candidate)`.
        test: Option<String>,
        /// Statements before `asserts`.
        #[serde(default)]
        setup: String,
        /// Python statements that name the function themselves.
        asserts: Option<Vec<String>>,
        /// Arguments and results as literals.
        calls: Option<Vec<CallForm>>,
        /// Python that needs the solution's own objects.
        beside: Option<String>,
    },
    /// Standard input and output.
    Stdio {
        /// The cases.
        cases: Vec<StdioCase>,
        /// How far numbers may be off.
        tolerance: Option<Tolerance>,
        /// A judge in Python.
        judge: Option<String>,
    },
}

/// A call as it is written down.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallForm {
    /// A literal of the arguments.
    pub args: String,
    /// A literal of the result.
    pub expect: String,
    /// How far a float may be off.
    pub tolerance: Option<Tolerance>,
}

impl Case {
    /// Returns the program, ready to run, or what is wrong with its tests.
    pub fn program(self) -> Result<Program, String> {
        self.limits.check()?;
        let tests = self.tests.tests()?;
        let Self { lang: language, program, limits, .. } = self;
        Ok(Program { language, source: program.into_bytes(), tests, limits })
    }
}

impl TestsForm {
    /// Returns the tests, or what is missing of them.
    pub fn tests(&self) -> Result<Tests, String> {
        match self.clone() {
            Self::Stdio { cases, .. } if cases.is_empty() => Err("there are no cases".to_owned()),
            Self::Stdio { cases, tolerance, judge } => {
                Ok(Tests::Stdio(StdioTests { cases, tolerance, judge }))
            }
            Self::Function { entry, prelude, test, setup, asserts, calls, beside } => {
                let checks: Vec<Check> = [
                    test.map(Check::Candidate),
                    asserts.map(|asserts| Check::Asserts { setup, asserts }),
                    calls.map(|calls| Check::Calls(calls.into_iter().map(call).collect())),
                    beside.map(Check::Beside),
                ]
                .into_iter()
                .flatten()
                .collect();
                let [check] = <[Check; 1]>::try_from(checks).map_err(|checks| {
                    let found = checks.len();
                    format!("one of `test`, `asserts`, `calls` and `beside` is wanted, not {found}")
                })?;
                let needs_entry = matches!(check, Check::Candidate(_) | Check::Calls(_));
                if needs_entry && entry.is_empty() {
                    return Err("`entry` is missing: the function's name".to_owned());
                }
                Ok(Tests::Function(FunctionTests { entry, prelude, check }))
            }
        }
    }
}

fn call(form: CallForm) -> Call {
    Call { arguments: form.args, expected: form.expect, tolerance: form.tolerance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), &str>) {
        let case: Result<Case, _> = serde_json::from_str(text);
        let made = case.map_err(|e| e.to_string()).and_then(Case::program);
        match (made, expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (made, _) => panic!("{made:?} for {text}"),
        }
    }

    #[test]
    fn a_line_says_what_is_wrong_with_it() {
        let line =
            |tests: &str| format!(r#"{{"lang": "python", "program": "", "tests": {tests}}}"#);
        check(&line(r#"{"kind": "stdio", "cases": [{"stdin": "", "expect": ""}]}"#), Ok(()));
        check(&line(r#"{"kind": "stdio", "cases": []}"#), Err("no cases"));
        check(&line(r#"{"kind": "stdio"}"#), Err("cases"));
        check(&line(r#"{"kind": "function", "entry": "f"}"#), Err("not 0"));
        check(&line(r#"{"kind": "function", "test": ""}"#), Err("`entry` is missing"));
        check(
            &line(r#"{"kind": "function", "entry": "f", "test": "", "beside": ""}"#),
            Err("not 2"),
        );
        check(&line(r#"{"kind": "function", "asserts": ["assert f() == 1"]}"#), Ok(()));
        check(
            &line(r#"{"kind": "stdio", "cases": [{"stdin": "", "expect": ""}], "tolerance": 2}"#),
            Err("tolerance"),
        );
        check(r#"{"lang": "cobol", "program": "", "tests": {}}"#, Err("cobol"));
        check(r#"{"lang": "js"}"#, Err("program"));
    }
}
