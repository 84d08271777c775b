//! A workflow, an input, and results of any shape: a workflow that was accepted ends within the calls it said, makes no call twice, and every
//! call's arguments conform to its tool.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use scalbotics_core::desired::with_builtins;
use scalbotics_core::json;
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::{Definition, Manifest};
use scalbotics_core::workflow::{File, Next, Results, Workflow};
use scalbotics_fuzz::sections;
use scalbotics_fuzz::yaml::Yaml;
use serde_json::Value;

/// Calls that are followed; more of the same loop finds nothing new.
const FOLLOWED: usize = 200;

const MANIFESTS: [&str; 3] = [
    include_str!("../../examples/repo-review/desired/tools/repo.history.yaml"),
    include_str!("../../examples/repo-review/desired/tools/report.compose.yaml"),
    include_str!("../../examples/repo-review/desired/tools/report.publish.yaml"),
];

static TOOLS: LazyLock<BTreeMap<Name, Arc<Definition>>> = LazyLock::new(|| {
    let own = MANIFESTS.iter().map(|text| {
        // `@PROGRAM@` and its like are places that whoever sets the example up fills in.
        let text = text.replace("@LINGER_MS@", "0").replace("\"@", "\"/opt/").replace("@\"", "\"");
        let manifest: Manifest = Yaml.read(&text).expect("the example's tool");
        let definition = Definition::from_manifest(manifest).expect("the example's tool");
        (definition.id.clone(), Arc::new(definition))
    });
    with_builtins(&own.collect())
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let sections = sections::of(&text);
    let Some((_, file)) = sections.first() else { return };
    let Ok(file) = Yaml.read::<File>(file) else { return };
    let Ok(workflow) = Workflow::parse(&file, &TOOLS) else { return };
    let value = |index: usize| sections.get(index).and_then(|(_, body)| json::parse(body.trim().as_bytes()).ok());
    let input = value(1).unwrap_or_else(|| serde_json::json!({}));
    let _matches = workflow.matches(sections.get(1).map_or("", |(title, _)| title), &input);
    run(&workflow, &input, &sections);
});

fn run(workflow: &Workflow, input: &Value, sections: &[(&str, &str)]) {
    let given = sections.get(2..).unwrap_or_default();
    let mut results = Results::new();
    loop {
        let made = results.len();
        if made > FOLLOWED {
            return;
        }
        let next = workflow.next(input, &results);
        assert_eq!(next, workflow.next(input, &results), "the next step is a function of its arguments");
        let Ok(Next::Call { step, tool, args }) = next else { return };
        assert!((made as u64) < workflow.calls_max(), "{made} calls, {} were promised", workflow.calls_max());
        TOOLS[&tool].input.check(&args).expect("arguments conform");
        let (_, body) = given.get(made % given.len().max(1)).copied().unwrap_or_default();
        let read = workflow.read_output(&step, body.trim().as_bytes());
        // A result that its tool does not promise never gets here in the daemon; the workflow must bear it all the same.
        let output = read.or_else(|_| json::parse(body.trim().as_bytes())).unwrap_or(Value::Null);
        assert!(results.insert(step, output).is_none(), "a call was made twice");
    }
}
