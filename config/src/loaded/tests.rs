//! Sources as they are given, and what is said of them.

use std::path::PathBuf;

use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;

/// A file and an environment.
struct Sources {
    directory: TempDir,
    variables: Vec<(OsString, OsString)>,
    flags: Flags,
}

impl Sources {
    fn new(file: &str, variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tollgate.toml");
        std::fs::write(&path, file).unwrap();
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { directory, variables, flags: Flags { config: Some(path), ..Flags::default() } }
    }

    fn read(&self) -> Result<Loaded, Error> {
        self.read_for(nothing_refused)
    }

    fn read_for(&self, refused: impl FnOnce(&Config) -> Vec<Refusal>) -> Result<Loaded, Error> {
        Loaded::read_from(&self.flags, self.variables.iter().cloned(), refused)
    }

    /// A text without the directory, which is another in each run.
    fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }

    fn faults(&self) -> String {
        self.plain(&self.read().unwrap_err().to_string())
    }
}

fn nothing_refused(_config: &Config) -> Vec<Refusal> {
    Vec::new()
}

fn check_faults(file: &str, variables: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&Sources::new(file, variables).faults());
}

#[test]
fn all_faults_are_told_at_once_with_file_line_and_reason() {
    check_faults(
        r#"
[payments]
wait = 5

[server]
listen = "nowhere"
max_body_bytes = 0
header_timeout_ms = "long"

[providers.acme]
latency_ms = 1

[log]
format = "jsn"
"#,
        &[("TOLLGATE__STORAGE__SHARDS", "0"), ("TOLLGATE__LOG__LEVLE", "info")],
        expect![[r#"
            tollgate.toml:3: payments.wait: there is no such key; did you mean payments.wait_ms?
            tollgate.toml:6: server.listen: invalid socket address syntax
            tollgate.toml:7: server.max_body_bytes: must be above zero
            tollgate.toml:8: server.header_timeout_ms: found "long", expected a whole number from 0
            tollgate.toml:10: providers.acme: there is no such key
            tollgate.toml:14: log.format: "jsn" is none of text, json; did you mean json?
            TOLLGATE__LOG__LEVLE: log.levle: there is no such key; did you mean log.level?
            TOLLGATE__STORAGE__SHARDS: storage.shards: found 0, expected a whole number above zero"#]],
    );
}

#[test]
fn a_key_in_the_wrong_section_is_found_in_its_own() {
    check_faults(
        "wait_ms = 5\n[server]\nlatency_ms = 1\n[enginee]\n",
        &[("TOLLGATE__SHARDS", "7")],
        expect![[r#"
            tollgate.toml:1: wait_ms: there is no such key; did you mean payments.wait_ms?
            tollgate.toml:3: server.latency_ms: there is no such key; did you mean providers.simulator.latency_ms?
            tollgate.toml:4: enginee: there is no such key; did you mean engine?
            TOLLGATE__SHARDS: shards: there is no such key; did you mean storage.shards?"#]],
    );
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    check_faults(
        "[payments]\nwait_ms = = 5\n",
        &[("TOLLGATE__LOG__LEVLE", "x")],
        expect![[r#"
        tollgate.toml:2: extra `=`, expected nothing
        TOLLGATE__LOG__LEVLE: log.levle: there is no such key; did you mean log.level?"#]],
    );
    check_faults(
        "[payments]\nwait_ms = 5\nwait_ms = 6\n",
        &[],
        expect!["tollgate.toml:3: duplicate key"],
    );
}

#[test]
fn a_section_in_place_of_a_value_and_a_value_in_place_of_a_section_are_refused() {
    check_faults(
        "payments = 3\n",
        &[],
        expect!["tollgate.toml:1: payments: found 3, expected a section"],
    );
    check_faults(
        "[payments.wait_ms]\nx = 1\n",
        &[],
        expect![
            "tollgate.toml:1: payments.wait_ms: found a section, expected a whole number from 0"
        ],
    );
    check_faults("[nowhere]\n", &[], expect!["tollgate.toml:1: nowhere: there is no such key"]);
}

/// A value that is wrong beside another is told where one of them was said.
#[test]
fn a_contradiction_with_a_default_is_told_where_the_other_value_was_said() {
    check_faults(
        "[log]\nformat = \"xml\"\n[emi]\nplans = [\"24:1400\"]\n",
        &[],
        expect![[r#"
            tollgate.toml:2: log.format: "xml" is none of text, json
            tollgate.toml:4: emi.no_cost_months: must hold months that emi.plans has"#]],
    );
}

/// Components are asked about what is left once all that cannot be meant is taken away.
#[test]
fn what_components_refuse_is_told_with_all_else() {
    let refusal = |key, beside| Refusal { key, beside, reason: "will not do".to_owned() };
    let file = "[storage]\nsegment_bytes = 7\n[payments]\nwait = 5\n[server]\nlisten = \"x\"\n";
    let sources = Sources::new(file, &[("TOLLGATE__LOG__LEVEL", "===")]);
    let refused = sources.read_for(|config| {
        assert_eq!(config.storage.segment_bytes, 7);
        assert_eq!(config.server.listen, Config::defaults().server.listen);
        vec![
            refusal("log.level", None),
            refusal("storage.min_free_bytes", Some("storage.segment_bytes")),
            refusal("emi.brands", None),
        ]
    });
    expect![[r#"
        default: emi.brands: will not do
        tollgate.toml:2: storage.min_free_bytes: will not do
        tollgate.toml:4: payments.wait: there is no such key; did you mean payments.wait_ms?
        tollgate.toml:6: server.listen: invalid socket address syntax
        TOLLGATE__LOG__LEVEL: log.level: will not do"#]]
    .assert_eq(&sources.plain(&refused.unwrap_err().to_string()));
}

/// A value that a stronger source hides is told as well where that source's own is refused.
#[test]
fn what_is_hidden_counts_once_nothing_hides_it() {
    check_faults(
        "[payments]\nwait_ms = \"a\"\n",
        &[("TOLLGATE__PAYMENTS__WAIT_MS", "b")],
        expect![[r#"
            tollgate.toml:2: payments.wait_ms: found "a", expected a whole number from 0
            TOLLGATE__PAYMENTS__WAIT_MS: payments.wait_ms: found "b", expected a whole number from 0"#]],
    );
    let sources =
        Sources::new("[payments]\nwait_ms = \"a\"\n", &[("TOLLGATE__PAYMENTS__WAIT_MS", "7")]);
    assert_eq!(sources.read().unwrap().config.payments.wait_ms, 7);
}

#[test]
fn text_in_the_environment_is_text_whatever_it_looks_like() {
    let sources = Sources::new(
        "",
        &[
            ("TOLLGATE__STORAGE__DATA_DIR", "12"),
            ("TOLLGATE__LOG__LEVEL", "true"),
            ("TOLLGATE__PAYMENTS__WAIT_MS", " 1_000 "),
            ("TOLLGATE_ADMIN_KEY", "not ours"),
            ("PATH", "not ours"),
        ],
    );
    let config = sources.read().unwrap().config;
    assert_eq!(config.storage.data_dir, PathBuf::from("12"));
    assert_eq!(config.log.level, "true");
    assert_eq!(config.payments.wait_ms, 1_000);
}

#[test]
fn later_sources_win_and_are_named() {
    let mut sources = Sources::new(
        "[payments]\nwait_ms = 1\n[server]\nlisten = \"127.0.0.1:1\"\nthreads = 3\n",
        &[("TOLLGATE__SERVER__LISTEN", "127.0.0.1:2"), ("TOLLGATE__PAYMENTS__WAIT_MS", "2")],
    );
    sources.flags.listen = Some(([127, 0, 0, 1], 3).into());
    let loaded = sources.read().unwrap();
    let said: String =
        loaded.said().map(|(key, value, origin)| format!("{key} = {value}  {origin}\n")).collect();
    expect![[r#"
        server.threads = 3  tollgate.toml:5
        payments.wait_ms = 2  TOLLGATE__PAYMENTS__WAIT_MS
        server.listen = "127.0.0.1:3"  --listen
    "#]]
    .assert_eq(&sources.plain(&said));
    assert_eq!(loaded.config.server.listen.port(), 3);
}

/// Printed, and given as a file, it is the same; comments stay, and every value that is not a
/// default says where it is from.
#[test]
fn what_is_printed_comes_to_the_same() {
    let sources = Sources::new(
        "[payments]\nwait_ms = 1\n[server]\nlisten = \"127.0.0.1:1\"\n",
        &[("TOLLGATE__LOG__LEVEL", "debug,\"x\"")],
    );
    let loaded = sources.read().unwrap();
    let printed = sources.plain(&loaded.to_toml());
    assert!(printed.contains("\nlisten = \"127.0.0.1:1\" # tollgate.toml:4\n"), "{printed}");
    assert!(printed.contains("wait_ms = 1 # tollgate.toml:2\n"), "{printed}");
    let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(comments(&printed), comments(DEFAULTS));
    assert_eq!(Sources::new(&printed, &[]).read().unwrap().config, loaded.config);

    let defaults = Sources::new("", &[]).read().unwrap();
    assert_eq!(defaults.to_toml(), DEFAULTS);
    assert_eq!(defaults.config, Config::defaults());
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let flags = Flags { config: Some("/nowhere/tollgate.toml".into()), ..Flags::default() };
    let line =
        Loaded::read_from(&flags, std::iter::empty(), nothing_refused).unwrap_err().to_string();
    assert_eq!(line, "no configuration file /nowhere/tollgate.toml");
    let flags = Flags { config: Some("/".into()), ..Flags::default() };
    let line =
        Loaded::read_from(&flags, std::iter::empty(), nothing_refused).unwrap_err().to_string();
    assert_eq!(line, "cannot read /");
}
