//! Golden vectors: one record of each kind. A line is `kind key-in-hex frame-in-hex body`.

use std::fmt::Write;
use std::path::PathBuf;

use super::*;
use crate::job::{Failure, Job, JobEvent, JobId, JobKind, NewJob, Phase, Progress, Warning};
use crate::meta::Meta;
use crate::point::{Hold, Point, PointId, PointState};
use crate::proof::{Drill, ObjectKind, Verified, VerifyLevel};
use crate::sample::Sample;
use crate::source::{NewestPoint, Source, SourceName};
use crate::{Alert, AlertClass, AlertId, NewAlert, Resolution, Severity};

fn at(text: &str) -> chrono::DateTime<chrono::Utc> {
    text.parse().unwrap()
}

fn point() -> Point {
    let taken_at = at("2026-03-29T01:00:00.123456789Z");
    Point {
        written_at: Some(at("2026-03-29T01:00:02Z")),
        previous: Some(PointId::new("p1")),
        slots: Some(vec!["2026-03-29T02:30".into()]),
        state: PointState::Partial,
        files_count: 12,
        dirs_count: 3,
        skipped_count: 1,
        logical_bytes: u64::MAX,
        unique_bytes: 500,
        stored_bytes: 200,
        tags: [("why".to_owned(), "before \"the\" move é".to_owned())].into(),
        hold: Some(Hold::Until(at("2027-01-01T00:00:00Z"))),
        retain_until: Some(at("2028-01-01T00:00:00Z")),
        deleted_at: Some(at("2026-04-01T00:00:00Z")),
        kept_because: vec!["daily".into(), "monthly".into()],
        expires_at: Some(at("2027-03-29T01:00:00Z")),
        ..Point::new("p2", SourceName::new("laptop", "home"), taken_at)
    }
}

fn source() -> Source {
    Source {
        points_count: 2,
        deleted_count: 1,
        newest: Some(NewestPoint::of(point())),
        stored_bytes: 400,
        ..Source::without_points(SourceName::local("tank/home"))
    }
}

fn job() -> Job {
    let new = NewJob::new(JobKind::Backup, Some(SourceName::new("laptop", "home")));
    let new = new.scheduled(vec!["2026-03-29T02:30".into()]);
    let progress = Progress {
        done_bytes: 10,
        expected_bytes: Some(20),
        done_count: 1,
        expected_count: None,
    };
    let warning = Warning {
        code: "access_denied".into(),
        message: "/root/secret".into(),
    };
    let failure = Failure {
        code: "disk_full".into(),
        message: "no space is left".into(),
        help: Some("make some".into()),
    };
    let events = [
        JobEvent::Started,
        JobEvent::Entered(Phase::TakingSnapshot),
        JobEvent::Entered(Phase::Other("quiescing".into())),
        JobEvent::Progressed(progress),
        JobEvent::Warned(warning),
        JobEvent::CancelRequested,
        JobEvent::Failed(failure),
    ];
    let job = Job::new(JobId(1_774_746_000_000), new, at("2026-03-29T01:00:00Z"));
    events.iter().fold(job, |job, event| {
        job.after(event, at("2026-03-29T01:00:01Z")).unwrap()
    })
}

fn alert() -> Alert {
    let mut new = NewAlert::new(
        "k",
        AlertClass::Job,
        Severity::Critical,
        "backup_failed",
        "it failed",
    );
    new.help = Some("look".into());
    new.source = Some(SourceName::new("laptop", "home"));
    new.job = Some(JobId(1_774_746_000_000));
    new.resolves_at = Some(at("2026-04-01T00:00:00Z"));
    let alert =
        Alert::raised(AlertId(1_774_746_000_001), &new, at("2026-03-29T01:00:00Z")).unwrap();
    let later = at("2026-03-29T02:00:00Z");
    let alert = alert.silenced(later).unwrap().acknowledged(later).unwrap();
    alert
        .noticed(later)
        .resolved(Resolution::ByPerson, later)
        .unwrap()
}

fn verified() -> Verified {
    Verified {
        kind: ObjectKind::Pack,
        object: "00ff".into(),
        level: VerifyLevel::Data,
        at: at("2026-03-29T01:00:00Z"),
    }
}

fn drill() -> Drill {
    Drill {
        files_count: 7,
        restored_bytes: 8,
        differing_count: 9,
        ..Drill::new(
            SourceName::local("db"),
            PointId::new("p2"),
            at("2026-03-29T01:00:00Z"),
        )
    }
}

fn sample() -> Sample {
    Sample {
        logical_bytes: 1,
        stored_bytes: 2,
        points_count: 3,
        ..Sample::new(None, at("2026-03-29T01:00:00Z"))
    }
}

fn path() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../../testdata/catalog/records.txt")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line<R: Record>(record: &R) -> String {
    let bytes = encode(record).unwrap();
    let (frame, body) = bytes.split_at(FRAME_BYTES);
    let body = std::str::from_utf8(body).unwrap();
    format!("{} {} {} {body}", R::KIND, hex(&record.key()), hex(frame))
}

fn lines() -> Vec<String> {
    vec![
        line(&Meta::default()),
        line(&point()),
        line(&source()),
        line(&job()),
        line(&alert()),
        line(&verified()),
        line(&drill()),
        line(&sample()),
    ]
}

#[test]
#[ignore = "writes the golden file; a golden file is never written again"]
fn make_golden_records() {
    let mut text = String::new();
    for line in lines() {
        writeln!(text, "{line}").unwrap();
    }
    assert!(!path().exists());
    std::fs::create_dir_all(path().parent().unwrap()).unwrap();
    std::fs::write(path(), text).unwrap();
}

#[test]
fn records_have_the_golden_bytes() {
    let text = std::fs::read_to_string(path()).unwrap();
    let golden: Vec<&str> = text.lines().collect();
    assert_eq!(golden, lines());
}

fn decoded<R: Record>(line: &str) -> R {
    let mut parts = line.splitn(4, ' ').skip(2);
    let frame = parts.next().unwrap().as_bytes().chunks(2);
    let frame =
        frame.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
    let bytes: Vec<u8> = frame.chain(parts.next().unwrap().bytes()).collect();
    decode(&bytes).unwrap()
}

#[test]
fn golden_bytes_are_read() {
    let text = std::fs::read_to_string(path()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(decoded::<Meta>(lines[0]), Meta::default());
    assert_eq!(decoded::<Point>(lines[1]), point());
    assert_eq!(decoded::<Source>(lines[2]), source());
    assert_eq!(decoded::<Job>(lines[3]), job());
    assert_eq!(decoded::<Alert>(lines[4]), alert());
    assert_eq!(decoded::<Verified>(lines[5]), verified());
    assert_eq!(decoded::<Drill>(lines[6]), drill());
    assert_eq!(decoded::<Sample>(lines[7]), sample());
}

#[test]
fn fields_of_newer_programs_are_passed_over() {
    let mut value = serde_json::to_value(job()).unwrap();
    value["invented_later"] = serde_json::json!({ "deep": [1, 2] });
    value["kind"] = "teleport".into();
    let body = serde_json::to_vec(&value).unwrap();
    let mut bytes = [&MAGIC[..], &[Job::KIND]].concat();
    bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend(hash(Job::KIND, &body).to_le_bytes());
    bytes.extend(body);
    let expected = Job {
        kind: JobKind::Other("teleport".into()),
        ..job()
    };
    assert_eq!(decode::<Job>(&bytes).unwrap(), expected);
}

#[test]
fn every_flipped_byte_of_a_record_is_seen() {
    let bytes = encode(&alert()).unwrap();
    for at in 0..bytes.len() {
        for mask in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            assert!(decode::<Alert>(&damaged).is_err(), "byte {at}");
        }
        assert!(decode::<Alert>(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(decode::<Job>(&bytes).is_err());
    assert!(decode::<Alert>(&[&bytes[..], b" "].concat()).is_err());
}
