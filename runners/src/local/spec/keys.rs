//! The members of a configuration, read with their types and bounds.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::SpecError;

/// Returns the error for a value that cannot be.
pub(super) fn value(key: &'static str, problem: impl Into<String>) -> SpecError {
    SpecError::Value { key, problem: problem.into() }
}

/// The members of a configuration, read with their types and bounds. A `null` counts as absent.
pub(super) struct Keys<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Keys<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// A whole number from 1 to `most`.
    pub(super) fn size(&self, key: &'static str, most: usize) -> Result<usize, SpecError> {
        self.optional_size(key, most)?.ok_or(SpecError::Missing(key))
    }

    pub(super) fn optional_size(
        &self,
        key: &'static str,
        most: usize,
    ) -> Result<Option<usize>, SpecError> {
        match self.optional_count(key, most)? {
            Some(0) => Err(value(key, "is 0")),
            size => Ok(size),
        }
    }

    /// A whole number from 0 to `most`.
    pub(super) fn count(&self, key: &'static str, most: usize) -> Result<usize, SpecError> {
        self.optional_count(key, most)?.ok_or(SpecError::Missing(key))
    }

    pub(super) fn optional_count(
        &self,
        key: &'static str,
        most: usize,
    ) -> Result<Option<usize>, SpecError> {
        let Some(given) = self.get(key) else { return Ok(None) };
        let count = given.as_u64().and_then(|count| usize::try_from(count).ok());
        match count {
            None => Err(value(key, format!("is {given}, not a whole number from 0"))),
            Some(count) if count > most => Err(value(key, format!("is {count}, more than {most}"))),
            Some(count) => Ok(Some(count)),
        }
    }

    pub(super) fn number(
        &self,
        key: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<f64, SpecError> {
        self.optional_number(key, range)?.ok_or(SpecError::Missing(key))
    }

    pub(super) fn number_or(
        &self,
        key: &'static str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, SpecError> {
        Ok(self.optional_number(key, range)?.unwrap_or(default))
    }

    pub(super) fn optional_number(
        &self,
        key: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, SpecError> {
        let Some(given) = self.get(key) else { return Ok(None) };
        match given.as_f64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let (low, high) = range.into_inner();
                Err(value(key, format!("is {given}, not a number from {low} to {high}")))
            }
        }
    }

    pub(super) fn switch_or(&self, key: &'static str, default: bool) -> Result<bool, SpecError> {
        let Some(given) = self.get(key) else { return Ok(default) };
        given.as_bool().ok_or_else(|| value(key, format!("is {given}, not true or false")))
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'a str>, SpecError> {
        let Some(given) = self.get(key) else { return Ok(None) };
        given.as_str().map(Some).ok_or_else(|| value(key, format!("is {given}, not a string")))
    }

    pub(super) fn object(
        &self,
        key: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>, SpecError> {
        let Some(given) = self.get(key) else { return Ok(None) };
        given.as_object().map(Some).ok_or_else(|| value(key, "is not an object"))
    }

    /// A whole number under the first of `names` that is there.
    pub(super) fn first_size(
        &self,
        names: &[&'static str],
        most: usize,
    ) -> Result<usize, SpecError> {
        let present = names.iter().find(|name| self.get(name).is_some());
        self.size(present.unwrap_or(&names[0]), most)
    }

    /// A list, empty where it is absent.
    pub(super) fn list(&self, key: &'static str) -> Result<&'a [Value], SpecError> {
        let Some(given) = self.get(key) else { return Ok(&[]) };
        given.as_array().map(Vec::as_slice).ok_or_else(|| value(key, "is not a list"))
    }

    /// Refuses a switch that is on.
    pub(super) fn off(&self, key: &'static str, what: &str) -> Result<(), SpecError> {
        if self.switch_or(key, false)? {
            return Err(value(key, format!("is true: {what} are not computed")));
        }
        Ok(())
    }

    /// Refuses any value but `known`.
    pub(super) fn only(&self, key: &'static str, known: &str) -> Result<(), SpecError> {
        match self.text(key)? {
            Some(other) if other != known => {
                Err(value(key, format!("is `{other}`: only `{known}` is computed")))
            }
            _ => Ok(()),
        }
    }
}
