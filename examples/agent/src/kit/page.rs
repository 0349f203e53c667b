//! The page of a recovery kit, as text and for a printer.

use chrono::{DateTime, SecondsFormat, Utc};
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// Longest text of a code that a telephone still reads from paper, bytes.
const CODE_MAX_BYTES: usize = 600;
/// Light modules around a code, so that it is told from what stands beside it.
const QUIET: usize = 4;

/// What a person needs when the machine is gone.
pub(crate) struct Page<'a> {
    pub(crate) url: &'a str,
    pub(crate) vault_id: &'a str,
    /// Without one there is a line to write it on.
    pub(crate) passphrase: Option<&'a str>,
    pub(crate) host: &'a str,
    pub(crate) generated_at: DateTime<Utc>,
}

impl Page<'_> {
    fn generated(&self) -> String {
        self.generated_at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Plain text, which programs read, too.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let Self {
            url,
            vault_id,
            host,
            ..
        } = self;
        let passphrase = self.passphrase.unwrap_or("______________________________");
        let generated = self.generated();
        Zeroizing::new(format!(
            "Strongroom recovery kit

Whoever has this page and the vault can read everything in it.
Whoever has the vault alone, you included, can read nothing.
Keep this page away from this machine and from the vault: printed in a safe,
or in a password manager. A copy of the vault belongs elsewhere, too.

vault:      {url}
vault id:   {vault_id}
passphrase: {passphrase}
machine:    {host}
generated:  {generated}

To restore on another machine:
1. Install strongroom-agent.
2. Make the vault reachable there, e.g. copy or mount its directory.
3. See what there is. The passphrase is asked for:
     strongroom-agent points --vault /path/to/vault
4. Bring the newest recovery point back:
     strongroom-agent restore latest --vault /path/to/vault --target /path/to/restored
"
        ))
    }

    /// What a code holds: the lines of the page that somebody would have to type.
    fn code_text(&self) -> Zeroizing<String> {
        let passphrase = self
            .passphrase
            .map(|it| Zeroizing::new(format!("passphrase: {it}\n")));
        Zeroizing::new(format!(
            "Strongroom recovery kit\nvault: {}\nvault id: {}\n{}",
            self.url,
            self.vault_id,
            passphrase.as_ref().map_or("", |line| line.as_str())
        ))
    }

    /// One sheet of A4 for a printer or a browser, with a code to scan.
    pub(crate) fn html(&self) -> Zeroizing<String> {
        let code = svg(&self.code_text()).unwrap_or_else(|| {
            Zeroizing::new("<p>The address is too long for a code: type it.</p>".to_owned())
        });
        let field = |name: &str, value: &str| {
            format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(value).as_str())
        };
        let passphrase = Zeroizing::new(match self.passphrase {
            Some(passphrase) => field("Passphrase", passphrase),
            None => "<dt>Passphrase</dt><dd class=\"blank\"></dd>\n".to_owned(),
        });
        Zeroizing::new(format!(
            "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<title>Strongroom recovery kit</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Strongroom recovery kit</h1>
<p>Whoever has this page and the vault can read everything in it. Whoever has the vault alone, you included, can read
nothing. Keep this page away from the machine and from the vault, such as in a safe.</p>
<div class=\"code\">{code}</div>
<dl>
{vault}{id}{passphrase}{host}{generated}</dl>
<h2>To restore on another machine</h2>
<ol>
<li>Install strongroom-agent.</li>
<li>Make the vault reachable there, e.g. copy or mount its directory.</li>
<li>See what there is; the passphrase is asked for:
<pre>strongroom-agent points --vault {shown}</pre></li>
<li>Bring the newest recovery point back:
<pre>strongroom-agent restore latest --vault {shown} --target /path/to/restored</pre></li>
</ol>
</body>
</html>
",
            code = code.as_str(),
            vault = field("Vault", self.url),
            id = field("Vault id", self.vault_id),
            passphrase = passphrase.as_str(),
            host = field("Machine", self.host),
            generated = field("Generated", &self.generated()),
            shown = escaped(self.url).as_str(),
        ))
    }
}

const STYLE: &str = "
@page { size: A4; margin: 20mm }
body { font: 11pt/1.4 sans-serif; max-width: 170mm; margin: 0 auto; color: #000; background: #fff }
dl { font-size: 12pt } dt { font-weight: bold; margin-top: 3mm }
dd { margin: 0; font-family: monospace; overflow-wrap: anywhere }
dd.blank { border-bottom: 1px solid #000; height: 10mm }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
.code { float: right; width: 60mm; margin: 0 0 5mm 5mm } .code svg { width: 60mm; height: 60mm }
";

/// A code as a drawing of one path; `None` where the text is too long.
fn svg(text: &str) -> Option<Zeroizing<String>> {
    if text.len() > CODE_MAX_BYTES {
        return None;
    }
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = Zeroizing::new(String::with_capacity(16 * width * width));
    for (at, color) in code.into_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % width + QUIET, at / width + QUIET);
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    let side = width + 2 * QUIET;
    Some(Zeroizing::new(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{}\"/></svg>",
        path.as_str()
    )))
}

/// Text that stands for itself on a page.
fn escaped(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(6 * text.len()));
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: &str) -> Page<'_> {
        Page {
            url,
            vault_id: "00112233445566778899aabbccddeeff",
            passphrase: Some("8f3k-2m9x-<tag>&\"-öü"),
            host: "mail<1>",
            generated_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        }
    }

    /// Draws the path of a page as a scanner would see it, and reads it with a decoder that others have written.
    fn scanned(html: &str) -> String {
        const SCALE: usize = 4;
        let side: usize = between(html, "viewBox=\"0 0 ", " ").parse().unwrap();
        let mut dark = vec![vec![false; side]; side];
        for step in between(html, "<path d=\"", "\"").split('M').skip(1) {
            let (x, y) = step
                .strip_suffix("h1v1h-1z")
                .unwrap()
                .split_once(' ')
                .unwrap();
            dark[y.parse::<usize>().unwrap()][x.parse::<usize>().unwrap()] = true;
        }
        let grey = |x: usize, y: usize| if dark[y / SCALE][x / SCALE] { 20 } else { 240 };
        let size = side * SCALE;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(size, size, grey);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
        text.split_once(start).unwrap().1.split_once(end).unwrap().0
    }

    #[test]
    fn a_scanned_code_gives_back_what_stands_beside_it() {
        for url in [
            "/mnt/disk/vault",
            "s3://bucket/a/long/prefix/below/which/the/vault/stands",
        ] {
            let page = page(url);
            let expected = format!(
                "Strongroom recovery kit\nvault: {url}\nvault id: {}\npassphrase: {}\n",
                page.vault_id,
                page.passphrase.unwrap()
            );
            assert_eq!(scanned(&page.html()), expected);
        }
    }

    #[test]
    fn nothing_on_a_page_is_taken_for_markup() {
        let html = page("/mnt/<script>alert(1)</script>").html();
        assert!(!html.contains("<script") && !html.contains("<tag>") && !html.contains("mail<1>"));
        assert!(html.contains("8f3k-2m9x-&lt;tag&gt;&amp;&quot;-öü"));
    }

    #[test]
    fn an_address_that_is_too_long_for_a_code_is_printed_alone() {
        let url = format!("s3://bucket/{}", "x".repeat(CODE_MAX_BYTES));
        let html = page(&url).html();
        assert!(!html.contains("<svg") && html.contains(&url));
        let blank = Page {
            passphrase: None,
            ..page("/v")
        };
        assert!(blank.html().contains("class=\"blank\""));
        assert!(!scanned(&blank.html()).contains("passphrase"));
    }
}
