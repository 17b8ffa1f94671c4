//! A log that is damaged in both copies: named by `wal verify`, and read around by `wal dump`.

use std::{fs, path::Path, process::Command};

use super::{pay, run};
use crate::server::Server;

/// What each frame begins with.
const MAGIC: [u8; 4] = [0xFF, b'T', b'L', 0xFE];

/// Three payments in a first segment, sealed and without its second copy, and one in the next.
fn log_of_two_segments(data: &Path) {
    for payments in [3, 1] {
        let server = Server::start(data, |_command| {});
        (0..payments).for_each(|_payment| pay(&server));
        server.signal("TERM");
        server.ended();
    }
    fs::remove_dir_all(data.join("log/sled/00000000000000000001")).unwrap();
}

/// Flips a bit in a frame of the first segment, and tells where the frame begins.
fn damage_frame(data: &Path, index: usize) -> usize {
    let path = data.join("log/journal/00000000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let frames = bytes.windows(MAGIC.len()).enumerate().filter(|(_at, window)| *window == MAGIC);
    let begins = frames.map(|(at, _window)| at).nth(index).unwrap();
    bytes[begins + 100] ^= 1;
    fs::write(path, bytes).unwrap();
    begins
}

#[test]
fn damage_in_the_middle_is_named_and_what_is_whole_behind_it_is_dumped() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let data_dir = data.to_str().unwrap();
    log_of_two_segments(&data);
    let whole = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["wal", "dump", "--skip-damaged", "--data-dir", data_dir])
        .output()
        .unwrap();
    assert!(whole.status.success() && whole.stderr.is_empty(), "there is nothing to skip");
    let whole = String::from_utf8(whole.stdout).unwrap();
    let whole: Vec<&str> = whole.lines().collect();
    // The first frame has the merchant, and the payments' six follow one by one.
    let begins = damage_frame(&data, 3);

    let place = format!("segment 00000000000000000001 at byte {begins}, frame 4, behind record 3");
    for command in ["verify", "dump"] {
        let (code, line) = run(&["wal", command, "--data-dir", data_dir], &[]);
        assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
        assert!(line.contains(&place), "{line}");
    }

    let left = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["wal", "dump", "--skip-damaged", "--data-dir", data_dir])
        .output()
        .unwrap();
    assert_eq!(left.status.code(), Some(1));
    let shown = String::from_utf8(left.stdout).unwrap();
    let without: Vec<&str> =
        whole.iter().filter(|line| !line.starts_with("{\"sequence\":4,")).copied().collect();
    assert_eq!(shown.lines().collect::<Vec<_>>(), without, "each with its own number");
    assert_eq!(without.len() + 1, whole.len());
    let said = String::from_utf8(left.stderr).unwrap();
    let [missing, error] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    let told =
        format!("behind record 3: from byte {begins} of segment 00000000000000000001 on, frame 4");
    assert!(missing.starts_with("tollgate: missing ") && missing.contains(&told), "{missing}");
    let shard = whole[3].split("\"shard\":").nth(1).unwrap().split(',').next().unwrap();
    assert!(missing.ends_with(&format!("; shard {shard}: record 3")), "{missing}");
    assert!(error.contains("1 place") && error.contains("1 records"), "{error}");
}
