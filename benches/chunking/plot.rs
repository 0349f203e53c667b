//! A bar chart as SVG.

use std::fmt::Write as _;

/// Speed of one contender on one kind of data.
pub(crate) struct Bar {
    pub(crate) kind: &'static str,
    pub(crate) row: String,
    pub(crate) speed: f64,
}

/// The plot leaves memory out: its bars would flatten all others.
fn shown(bar: &&Bar) -> bool {
    !bar.row.starts_with("sum") && bar.row != "strongroom"
}

pub(crate) fn svg(bars: &[Bar]) -> String {
    let bars: Vec<&Bar> = bars.iter().filter(shown).collect();
    let most = bars.iter().map(|bar| bar.speed).fold(1.0, f64::max);
    let mut body = String::new();
    let (mut y, mut kind) = (46, "");
    for bar in bars {
        if bar.kind != kind {
            kind = bar.kind;
            y += 10;
            writeln!(
                body,
                r#"<text x="8" y="{}" font-weight="bold">{kind}</text>"#,
                y + 12
            )
            .expect("a string grows");
            y += 18;
        }
        let colour = if bar.row.starts_with("strongroom") {
            "#2a6f97"
        } else {
            "#adb5bd"
        };
        let width = bar.speed / most * 430.0;
        writeln!(
            body,
            r#"<text x="150" y="{0}" text-anchor="end">{1}</text><rect x="158" y="{2}" width="{width:.1}" height="13" fill="{colour}"/><text x="{3:.1}" y="{0}">{4:.2}</text>"#,
            y + 12, bar.row, y + 1, 162.0 + width, bar.speed,
        )
        .expect("a string grows");
        y += 17;
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{0}" viewBox="0 0 640 {0}" font-family="sans-serif" font-size="12">
<rect width="640" height="{0}" fill="#ffffff"/>
<text x="8" y="22" font-size="15" font-weight="bold">Cut points, 64 KiB average, one thread: GB/s</text>
{body}</svg>
"##,
        y + 16
    )
}
