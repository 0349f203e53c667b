//! One metric in the exposition format.

use std::fmt::Display;

/// A metric, and its values so far.
pub(super) struct Gauge {
    name: &'static str,
    help: &'static str,
    samples: String,
}

impl Gauge {
    pub(super) fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            samples: String::new(),
        }
    }

    /// Adds the value of these labels; an empty one is the same as none.
    pub(super) fn set(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        self.samples
            .push_str(&format!("{}{labels} {value}\n", self.name));
    }

    /// The metric; nothing when it has no value.
    pub(super) fn text(&self) -> String {
        let Self {
            name,
            help,
            samples,
        } = self;
        match samples.is_empty() {
            true => String::new(),
            false => format!("# HELP {name} {help}\n# TYPE {name} gauge\n{samples}"),
        }
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_a_metric_without_values_is_not_there() {
        let mut gauge = Gauge::new("sizes_bytes", "How much.");
        assert_eq!(gauge.text(), "");
        gauge.set(&[("machine", ""), ("source", "a\"b\\c\nd é")], 7);
        gauge.set(&[], 0.5);
        assert_eq!(
            gauge.text(),
            "# HELP sizes_bytes How much.\n# TYPE sizes_bytes gauge\n\
             sizes_bytes{source=\"a\\\"b\\\\c\\nd é\"} 7\nsizes_bytes 0.5\n"
        );
    }
}
