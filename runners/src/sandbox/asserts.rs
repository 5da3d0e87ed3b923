//! Reads checks that are nothing but calls with plain arguments and the results they must equal.
//!
//! Most tests of public sets have this form, although they are written as Python. Read here, they are
//! compared here, and need no cell of checks. The reading is strict: whatever else stands in a test is
//! left to an interpreter, all of it.

use tripos_tasks::program::{Call, Tolerance};

use super::literal::{Reader, continues, literal};
use super::value::Value;

/// A call and what must come back, as values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlainCall {
    /// The function's name.
    pub(super) function: String,
    pub(super) arguments: Vec<Value>,
    pub(super) expected: Value,
    pub(super) tolerance: Option<Tolerance>,
}

/// Reads calls that come as literals.
///
/// # Errors
///
/// Says which of them is none.
pub(super) fn of_calls(entry: &str, calls: &[Call]) -> Result<Vec<PlainCall>, String> {
    let one = |(n, call): (usize, &Call)| {
        let broken = |what: &str| format!("call {}: {what} is no plain literal", n + 1);
        let Some(Value::List(arguments) | Value::Tuple(arguments)) = literal(&call.arguments)
        else {
            return Err(broken("the list of arguments"));
        };
        let expected = literal(&call.expected).ok_or_else(|| broken("the expected result"))?;
        let (function, tolerance) = (entry.to_owned(), call.tolerance);
        Ok(PlainCall { function, arguments, expected, tolerance })
    };
    calls.iter().enumerate().map(one).collect()
}

/// Reads Python that defines `check(candidate)`; nothing where it does more than call and compare.
pub(super) fn of_candidate(entry: &str, test: &str) -> Option<Vec<PlainCall>> {
    let mut test = Test { reader: Reader { rest: test } };
    test.skip_blank_lines();
    if let Some(rest) = test.reader.rest.strip_prefix("METADATA = {") {
        test.reader.rest = &test.reader.rest[test.reader.rest.len() - rest.len() - 1..];
        test.reader.literal()?;
        test.end_of_statement()?;
    }
    test.skip_blank_lines();
    test.reader.rest = test.reader.rest.strip_prefix("def check(candidate):")?;
    test.end_of_statement()?;
    test.skip_blank_lines();
    let margin = test.margin();
    let mut calls = Vec::new();
    while !test.reader.rest.is_empty() {
        if margin == 0 || test.margin() != margin {
            return None;
        }
        test.reader.rest = test.reader.rest[margin..].strip_prefix("assert ")?;
        if let Some(rest) = test.reader.rest.strip_prefix("True").filter(|r| !continues(r)) {
            test.reader.rest = rest;
        } else {
            calls.push(test.comparison("candidate", entry)?);
        }
        test.message()?;
        test.end_of_statement()?;
        test.skip_blank_lines();
    }
    (!calls.is_empty()).then_some(calls)
}

/// Reads statements that call one function by its name, which is `entry` where that is given; nothing
/// where one of them does more than call and compare.
pub(super) fn of_asserts(entry: &str, asserts: &[String]) -> Option<Vec<PlainCall>> {
    let mut name = entry.to_owned();
    let mut calls = Vec::new();
    for text in asserts {
        let rest = text.trim().strip_prefix("assert ")?;
        if name.is_empty() {
            let word = rest.trim_start_matches([' ', '(']);
            let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
            word[..end].clone_into(&mut name);
        }
        let mut test = Test { reader: Reader { rest } };
        calls.push(test.comparison(&name, &name)?);
        test.message()?;
        test.end_of_statement()?;
        if !test.reader.rest.is_empty() {
            return None;
        }
    }
    (!calls.is_empty()).then_some(calls)
}

/// The part of a test that is still to be read.
struct Test<'a> {
    reader: Reader<'a>,
}

impl Test<'_> {
    /// Skips white space within a line.
    fn space(&mut self) {
        self.reader.rest = self.reader.rest.trim_start_matches([' ', '\t']);
    }

    /// Skips lines that hold nothing, or a comment.
    fn skip_blank_lines(&mut self) {
        loop {
            let line = self.reader.rest.split('\n').next().unwrap_or_default();
            let text = line.trim();
            let is_last = line.len() == self.reader.rest.len();
            if !(text.is_empty() || text.starts_with('#')) {
                return;
            }
            let length = line.len() + usize::from(!is_last);
            self.reader.rest = &self.reader.rest[length..];
            if is_last {
                return;
            }
        }
    }

    /// The spaces before the next statement.
    fn margin(&self) -> usize {
        self.reader.rest.len() - self.reader.rest.trim_start_matches(' ').len()
    }

    /// Takes a name that is called.
    fn take_name(&mut self, name: &str) -> bool {
        self.space();
        let rest = self.reader.rest.strip_prefix(name).filter(|rest| rest.starts_with('('));
        self.reader.rest = rest.unwrap_or(self.reader.rest);
        rest.is_some()
    }

    /// Takes a call of `name` for one of `function`, and what its result must equal; the comparison may
    /// stand in parentheses.
    fn comparison(&mut self, name: &str, function: &str) -> Option<PlainCall> {
        self.space();
        let inner = self.reader.rest.strip_prefix('(');
        self.reader.rest = inner.unwrap_or(self.reader.rest);
        if !self.take_name(name) {
            return None;
        }
        let call = self.call(function)?;
        if inner.is_some() {
            self.reader.rest = self.reader.rest.strip_prefix(')')?;
        }
        Some(call)
    }

    /// Takes the arguments of a call of `function`, and what its result must equal.
    fn call(&mut self, function: &str) -> Option<PlainCall> {
        let arguments = self.reader.arguments()?;
        self.space();
        self.reader.rest = self.reader.rest.strip_prefix("==")?;
        self.space();
        if self.reader.rest.starts_with(['\n', '\r']) {
            return None;
        }
        let expected = self.reader.literal()?;
        Some(PlainCall { function: function.to_owned(), arguments, expected, tolerance: None })
    }

    /// Takes the message of an assertion, where there is one. Whatever it says, it is read only when the
    /// assertion has failed.
    fn message(&mut self) -> Option<()> {
        self.space();
        let Some(rest) = self.reader.rest.strip_prefix(',') else { return Some(()) };
        let end = end_of_expression(rest)?;
        self.reader.rest = &rest[end..];
        Some(())
    }

    /// Takes the end of a line, with a comment before it.
    fn end_of_statement(&mut self) -> Option<()> {
        self.space();
        let line = self.reader.rest.split('\n').next().unwrap_or_default();
        let text = line.trim();
        if !(text.is_empty() || text.starts_with('#')) {
            return None;
        }
        let rest = &self.reader.rest[line.len()..];
        self.reader.rest = rest.strip_prefix('\n').unwrap_or(rest);
        Some(())
    }
}

/// Finds where an expression ends that ends with its line; nothing where that is not plain to see.
fn end_of_expression(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            '\n' | '#' if depth == 0 => return Some(at),
            '#' | ';' | '\\' => return None,
            '"' | '\'' => loop {
                match chars.next()?.1 {
                    end if end == c => break,
                    '\\' => drop(chars.next()?),
                    '\n' => return None,
                    _ => {}
                }
            },
            _ => {}
        }
    }
    (depth == 0).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls are found in a test of `check(candidate)`.
    fn candidate(test: &str) -> Option<usize> {
        of_candidate("f", test).map(|calls| calls.len())
    }

    fn asserts(entry: &str, texts: &[&str]) -> Option<usize> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        of_asserts(entry, &texts).map(|calls| calls.len())
    }

    #[test]
    fn plain_checks_are_read_whole() {
        let test = "\n\nMETADATA = {\n    'author': 'x',\n    'dataset': 'test'\n}\n\n\n\
                    def check(candidate):  # f\n\n    # Simple cases\n    \
                    assert candidate([1.0, 2],\n                     -0.5) == True, \"wrong (1)\"\n    \
                    assert True, 'always'\n\n    assert candidate('a', {'b': (1,)}) == []  # empty\n\n";
        let calls = of_candidate("f", test).expect("it is plain");
        assert_eq!(calls.len(), 2);
        let first =
            vec![Value::List(vec![Value::Float(1.0), Value::Int(2.into())]), Value::Float(-0.5)];
        assert_eq!((&calls[0].arguments, &calls[0].expected), (&first, &Value::Bool(true)));
        assert_eq!(calls[1].function, "f");
        assert_eq!(candidate("def check(candidate):\n  assert candidate() == None"), Some(1));
        assert_eq!(asserts("", &["assert g(1) == 2", " assert g((3)) == (4), 'no'\r\n"]), Some(2));
        assert_eq!(asserts("g", &["assert g(1) == 2"]), Some(1));
        assert_eq!(asserts("", &["assert (g(1) == 2)"]), Some(1));
    }

    #[test]
    fn what_an_assertion_says_when_it_has_failed_is_not_read() {
        let test = "def check(candidate):\n    \
                    assert candidate(1) == 2, \"got \" + str(candidate(1))  # why\n    \
                    assert (candidate('#') == \";\"), f'{1}' + str(\n        [1])\n    \
                    assert candidate(3) == 4, '\\'#'\n";
        assert_eq!(candidate(test), Some(3));
    }

    #[track_caller]
    fn leaves(statement: &str) {
        let plain = "    assert candidate(1) == 2\n";
        for body in [format!("{statement}\n{plain}"), format!("{plain}{statement}\n")] {
            let test = format!("def check(candidate):\n{body}");
            assert_eq!(candidate(&test), None, "{test}");
        }
    }

    #[test]
    fn whatever_does_more_is_left_to_an_interpreter() {
        for statement in [
            "    assert candidate(1) != 2",
            "    assert candidate(1) == 2 or True",
            "    assert candidate(1) == 2 == 2",
            "    assert candidate(1) == 2; x = 1",
            "    assert candidate(1) == -x",
            "    assert candidate(1) == [2][0]",
            "    assert candidate(1) == 'a' 'b'",
            "    assert candidate(1)",
            "    assert candidate(1)[0] == 2",
            "    assert candidate(x=1) == 2",
            "    assert candidate(*[1]) == 2",
            "    assert candidate(f(1)) == 2",
            "    assert candidate(3 * 5) == 2",
            "    assert candidate(1) == 2, 'a'; x = 1",
            "    assert candidate(1) == 2, \"\"\"a\nb\"\"\"",
            "    assert candidate(1) == 2, \\\n    'a'",
            "    assert candidate(1) == 2, ('a'",
            "    assert (candidate(1) == 2) or True",
            "    assert (candidate(1) == 2, )",
            "    assert True or candidate(1) == 2",
            "    assert not candidate(1) == 2",
            "    assert candidates(1) == 2",
            "    assert (candidate(1) == 2, 'always true')",
            "    assert abs(candidate(1) - 2) < 1e-6",
            "    assert False",
            "    for x in [1]: pass",
            "      assert candidate(1) == 2",
            "\tassert candidate(1) == 2",
            "    assert candidate(1) == \\\n    2",
            "    assert candidate(1) ==\n    2",
            "    assert candidate(1) == inf()",
            "    assert candidate([1, # one\n    2]) == 2",
            "    pass",
            "x = 1",
        ] {
            leaves(statement);
        }
        for test in [
            "",
            "def check(candidate):\n",
            "def check(candidate):\n    assert True\n",
            "def check(candidate): assert candidate(1) == 2\n",
            "def check(c):\n    assert c(1) == 2\n",
            "import math\ndef check(candidate):\n    assert candidate(1) == 2\n",
            "METADATA = {'a': f()}\ndef check(candidate):\n    assert candidate(1) == 2\n",
            "def check(candidate):\n    assert candidate(1) == 2\nassert candidate(1) == 2\n",
            "def check(candidate):\nassert candidate(1) == 2\n",
        ] {
            assert_eq!(candidate(test), None, "{test}");
        }
        assert_eq!(asserts("", &[]), None);
        assert_eq!(asserts("", &["assert g(1) == 2", "assert h(1) == 2"]), None);
        assert_eq!(asserts("g", &["assert h(1) == 2"]), None);
        assert_eq!(asserts("", &["assert set(g(1)) == {2}"]), None);
        assert_eq!(asserts("", &["assert g(1) == 2\nassert g(2) == 3"]), None);
        assert_eq!(asserts("", &["assert math.g(1) == 2"]), None);
        assert_eq!(asserts("", &["assert == 2"]), None);
    }
}
