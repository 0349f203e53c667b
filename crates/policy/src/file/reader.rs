//! Reads TOML values one by one and remembers what is wrong with them, and where.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::words;

/// Problems are told up to this number.
const MOST_PROBLEMS: usize = 50;

/// A text and what was found wrong in it.
pub(super) struct Reader<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    pub(super) fn problem(
        &self,
        span: Range<usize>,
        key: &str,
        rule: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() >= MOST_PROBLEMS {
            return;
        }
        let (line, column) = place(self.text, span.start);
        problems.push(Problem {
            line,
            column,
            key: key.to_owned(),
            rule: rule.into(),
            suggestion: suggestion.into(),
        });
    }
}

/// Line and column of a byte, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// One value and the key that leads to it.
#[derive(Clone)]
pub(super) struct Node<'r, 't> {
    pub(super) reader: &'r Reader<'t>,
    value: &'r Spanned<DeValue<'t>>,
    pub(super) key: String,
}

impl<'r, 't> Node<'r, 't> {
    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn problem(&self, rule: impl Into<String>, suggestion: impl Into<String>) {
        self.reader
            .problem(self.span(), &self.key, rule, suggestion);
    }

    fn wrong_type(&self, wanted: &str, example: &str) {
        let found = self.value.get_ref().type_str();
        self.problem(
            format!("must be {wanted}, not {} {found}", article(found)),
            format!("write {} = {example}", self.last_key()),
        );
    }

    pub(super) fn last_key(&self) -> &str {
        let last = self.key.rsplit('.').next().unwrap_or(&self.key);
        last.split('[').next().unwrap_or(last)
    }

    /// Text; the example says how it is written.
    pub(super) fn text(&self, example: &str) -> Option<&'r str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type("text in quotes", example);
        }
        text
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let value = self.value.get_ref().as_bool();
        if value.is_none() {
            self.wrong_type("true or false", "true");
        }
        value
    }

    /// A whole number within bounds; `because` says why the least is the least.
    pub(super) fn number(&self, least: u32, most: u32, because: &str) -> Option<u32> {
        let Some(integer) = self.value.get_ref().as_integer() else {
            self.wrong_type("a whole number", &least.to_string());
            return None;
        };
        let digits = integer.as_str().replace('_', "");
        let number = i128::from_str_radix(&digits, integer.radix());
        let number = number.unwrap_or(i128::MAX);
        let fitting = u32::try_from(number)
            .ok()
            .filter(|number| (least..=most).contains(number));
        if fitting.is_none() {
            let shown = if number == i128::MAX {
                "too large".to_owned()
            } else {
                number.to_string()
            };
            let rule = format!("is {shown}, but must be from {least} to {most}{because}");
            let nearest = if number < i128::from(least) {
                least
            } else {
                most
            };
            self.problem(rule, format!("write {} = {nearest}", self.last_key()));
        }
        fitting
    }

    /// The values of an array.
    pub(super) fn array(&self, example: &str) -> Option<Vec<Self>> {
        let Some(array) = self.value.get_ref().as_array() else {
            self.wrong_type("a list in brackets", example);
            return None;
        };
        let nodes = array.iter().enumerate().map(|(index, value)| Self {
            reader: self.reader,
            value,
            key: format!("{}[{index}]", self.key),
        });
        Some(nodes.collect())
    }

    /// One value or a list of them.
    pub(super) fn one_or_many(&self) -> Vec<Self> {
        match self.value.get_ref().as_array() {
            Some(_) => self.array("[]").unwrap_or_default(),
            None => vec![self.clone()],
        }
    }

    /// The fields of a table, of which these are known.
    pub(super) fn table(
        &self,
        known: &'static [&'static str],
        example: &str,
    ) -> Option<Fields<'r, 't>> {
        let Some(table) = self.value.get_ref().as_table() else {
            self.wrong_type("a table", example);
            return None;
        };
        Some(Fields::new(
            self.reader,
            table,
            self.span(),
            self.key.clone(),
            known,
        ))
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// The fields of a table. Unknown ones have been told when it is made.
pub(super) struct Fields<'r, 't> {
    pub(super) reader: &'r Reader<'t>,
    table: &'r DeTable<'t>,
    span: Range<usize>,
    pub(super) key: String,
}

impl<'r, 't> Fields<'r, 't> {
    pub(super) fn new(
        reader: &'r Reader<'t>,
        table: &'r DeTable<'t>,
        span: Range<usize>,
        key: String,
        known: &'static [&'static str],
    ) -> Self {
        let fields = Self {
            reader,
            table,
            span,
            key,
        };
        for (name, _) in table.iter() {
            let text: &str = name.get_ref();
            if !known.contains(&text) {
                let whole = fields.path(text);
                let rule = match fields.key.as_str() {
                    "" => "is not a key of a policy".to_owned(),
                    key => format!("is not a key of {key}"),
                };
                let suggestion = words::did_you_mean(text, known);
                reader.problem(name.span(), &whole, rule, suggestion);
            }
        }
        fields
    }

    fn path(&self, name: &str) -> String {
        if self.key.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.key)
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Node<'r, 't>> {
        let (_, value) = self.table.iter().find(|(key, _)| key.get_ref() == name)?;
        Some(Node {
            reader: self.reader,
            value,
            key: self.path(name),
        })
    }

    /// A field that must be there.
    pub(super) fn required(&self, name: &str, example: &str) -> Option<Node<'r, 't>> {
        let node = self.get(name);
        if node.is_none() {
            self.problem(
                format!("`{name}` is missing"),
                format!("add {name} = {example}"),
            );
        }
        node
    }

    /// A problem of the table as a whole.
    pub(super) fn problem(&self, rule: impl Into<String>, suggestion: impl Into<String>) {
        self.reader
            .problem(self.span.clone(), &self.key, rule, suggestion);
    }
}
