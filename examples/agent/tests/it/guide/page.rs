//! What a page asks of its reader.

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Run(Block),
    File { name: String, text: String },
    AnotherMachine,
    NotRun { line: usize, reason: String },
}

/// Commands that stand together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Where it stands, from 1.
    pub(super) line: usize,
    pub(super) script: String,
    /// Exit codes that are right.
    pub(super) exits: Vec<i32>,
    pub(super) goes_on: bool,
    /// Lines that it prints, in this order, among others.
    pub(super) prints: Vec<String>,
}

/// What a comment says of the block below it.
enum Mark {
    NotRun(String),
    Exits(Vec<i32>),
    GoesOn,
    File(String),
}

/// Languages that are shown and never run.
const SHOWN: &[&str] = &["cron", "ini", "json", "python", "toml"];

/// Reads a page; the error is where and what is wrong.
pub(super) fn steps(page: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut mark = None;
    // Whether the last thing on the page was a block that was run.
    let mut has_run = false;
    let mut lines = page.lines().zip(1..);
    while let Some((text, line)) = lines.next() {
        let wrong = |what: &str| format!(":{line}: {what}");
        let indent = text.len() - text.trim_start().len();
        let text = text.trim();
        if let Some(language) = text.strip_prefix("```") {
            let script = until(&mut lines, indent, "```").ok_or_else(|| wrong("no end"))?;
            let kind = (language, mark.take());
            let runs = language == "sh" && !matches!(kind.1, Some(Mark::NotRun(_)));
            match kind {
                (_, Some(Mark::NotRun(reason))) => steps.push(Step::NotRun { line, reason }),
                (_, Some(Mark::File(name))) => steps.push(Step::File { name, text: script }),
                ("sh", mark) => steps.push(Step::Run(Block {
                    line,
                    script,
                    goes_on: matches!(mark, Some(Mark::GoesOn)),
                    exits: match mark {
                        Some(Mark::Exits(codes)) => codes,
                        _ => vec![0],
                    },
                    prints: Vec::new(),
                })),
                ("text", None) if has_run => match steps.last_mut() {
                    Some(Step::Run(block)) => {
                        block.prints = script.lines().map(str::to_owned).collect();
                    }
                    _ => return Err(wrong("nothing prints this")),
                },
                (shown, None) if SHOWN.contains(&shown) => {}
                _ => return Err(wrong("what is this block, and what becomes of it?")),
            }
            has_run = runs;
        } else if text == "<!-- prepare" {
            let script = until(&mut lines, indent, "-->").ok_or_else(|| wrong("no end"))?;
            steps.push(Step::Run(Block {
                line,
                script,
                exits: vec![0],
                ..Block::default()
            }));
        } else if text == "<!-- another machine -->" {
            steps.push(Step::AnotherMachine);
        } else if let Some(comment) = text.strip_prefix("<!--") {
            if mark.is_some() {
                return Err(wrong("two comments on one block"));
            }
            mark = Some(read_mark(comment).ok_or_else(|| wrong("what does this comment mean?"))?);
            has_run = false;
        } else if !text.is_empty() {
            if mark.is_some() {
                return Err(wrong("a comment is not followed by its block"));
            }
            has_run = false;
        }
    }
    match mark {
        Some(_) => Err(": the last comment has no block".to_owned()),
        None => Ok(steps),
    }
}

/// The lines before one that reads `end`, without their indent.
fn until<'a>(
    lines: &mut impl Iterator<Item = (&'a str, usize)>,
    indent: usize,
    end: &str,
) -> Option<String> {
    let mut script = String::new();
    for (text, _) in lines {
        if text.trim() == end {
            return Some(script);
        }
        script.push_str(text.get(indent..).unwrap_or_default());
        script.push('\n');
    }
    None
}

fn read_mark(comment: &str) -> Option<Mark> {
    let comment = comment.strip_suffix("-->")?.trim();
    if comment == "goes on" {
        return Some(Mark::GoesOn);
    }
    let (word, rest) = match comment.strip_prefix("not run: ") {
        Some(reason) => return Some(Mark::NotRun(reason.to_owned())),
        None => comment.split_once(' ')?,
    };
    match word {
        "exits" => {
            let codes = rest.split(" or ").map(str::parse);
            Some(Mark::Exits(codes.collect::<Result<_, _>>().ok()?))
        }
        "file" => Some(Mark::File(rest.to_owned())),
        _ => None,
    }
}

/// The first of the wanted lines that is not among what was printed, in that order.
pub(super) fn missing<'a>(wanted: &'a [String], printed: &str) -> Option<&'a str> {
    let mut lines = printed.lines();
    wanted
        .iter()
        .map(String::as_str)
        .find(|wanted| !lines.any(|line| is_like(line.trim_end(), wanted.trim_end())))
}

/// Whether a line reads as the pattern, in which `…` stands for anything.
fn is_like(line: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn a_page_is_read() {
    let page = "# A\n\n<!-- prepare\nmkdir a\n-->\n```sh\nls\n```\n\n```text\na\n```\n1. b\n\n   <!-- exits 3 or 4 -->\n   ```sh\n   \
                false\n   ```\n<!-- not run: because -->\n```sh\nreboot\n```\n<!-- file p -->\n```toml\nx = 1\n```\n```ini\n```\n";
    let run = |line, script: &str| Block {
        line,
        script: script.to_owned(),
        exits: vec![0],
        ..Block::default()
    };
    let told = Block {
        prints: vec!["a".to_owned()],
        ..run(6, "ls\n")
    };
    let fails = Block {
        exits: vec![3, 4],
        ..run(16, "false\n")
    };
    let expected = vec![
        Step::Run(run(3, "mkdir a\n")),
        Step::Run(told),
        Step::Run(fails),
        Step::NotRun {
            line: 20,
            reason: "because".to_owned(),
        },
        Step::File {
            name: "p".to_owned(),
            text: "x = 1\n".to_owned(),
        },
    ];
    assert_eq!(steps(page).unwrap(), expected);
}

#[test]
fn nothing_on_a_page_is_passed_over() {
    for page in [
        "```\nls\n```\n",
        "```bash\nls\n```\n",
        "```text\nls\n```\n",
        "```sh\nls\n```\nthen\n```text\na\n```\n",
        "```sh\nls\n",
        "<!-- not run: why -->\nwords\n```sh\nls\n```\n",
        "<!-- not run -->\n```sh\nls\n```\n",
        "<!-- goes on -->\n",
    ] {
        assert!(steps(page).is_err(), "{page}");
    }
}

#[test]
fn lines_are_found_in_their_order() {
    let wanted =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).into()).collect() };
    let printed = "made a vault\nid 17 of home\n";
    assert_eq!(missing(&wanted(&["made …", "id … of home"]), printed), None);
    assert_eq!(
        missing(&wanted(&["id … of hom"]), printed),
        Some("id … of hom")
    );
    assert_eq!(
        missing(&wanted(&["id …", "made …"]), printed),
        Some("made …")
    );
    assert_eq!(missing(&wanted(&["made"]), printed), Some("made"));
}
