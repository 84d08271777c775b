//! The conformance suites.

use scalbotics_testkit::conformance;

use crate::place::open;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conformance::all(&open(dir.path())).await;
}
