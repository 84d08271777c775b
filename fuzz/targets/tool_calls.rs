//! Calls inside of a model's text: only of offered tools, within every limit, and whatever is no call stays in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::model::tool_calls::{find, meant};
use scalbotics_core::model::{ARGUMENTS_LEN_MAX, TOOL_CALLS_MAX, ToolSpec};
use scalbotics_core::tenant::Name;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let tool = |id: &str| ToolSpec { name: Name::parse(id).expect("a name"), description: String::new(), parameters: json!({}) };
    let offered = [tool("fs.read"), tool("scan")];
    let Some(found) = find(&text, &offered, 0) else { return };
    assert!((1..=TOOL_CALLS_MAX).contains(&found.calls.len()));
    for call in &found.calls {
        assert!(call.arguments.len() <= ARGUMENTS_LEN_MAX);
        assert!(meant(&call.name, &offered).is_some_and(|name| name.as_str() == call.name), "a tool that was not offered");
    }
    assert!(found.text.len() < text.len(), "a call left nothing out");
});
