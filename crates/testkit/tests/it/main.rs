//! The fakes keep the rules that they stand for.

use scalbotics_testkit::{MemoryStore, conformance};

#[tokio::test]
async fn the_store_in_memory_conforms() {
    conformance::all(&MemoryStore::new()).await;
}
