//! Two thousand tasks whose model answers at random, on the wire: each comes to a defined end within its budget, nothing is done
//! that policy does not allow, and the daemon stays well.

use std::time::{Duration, Instant};

use scalbotics_proto::v1;
use scalbotics_proto::v1::repository_service_client::RepositoryServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use scalbotics_testkit::model::{Answer, ScriptedServer, Step};
use serde_json::{Value, json};

use crate::world::{World, with};

/// Tasks in all, and at one time.
const TASKS: usize = 2_000;
const AT_ONCE: usize = 200;

/// Most of what each task may take.
const CALLS_MAX: u64 = 5;
const TURNS_MAX: usize = 4;
const TOKENS_MAX: u64 = 60_000;
const SECONDS_MAX: u64 = 4;

/// Numbers that one seed repeats (SplitMix64, Steele et al. 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn odds(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn text(&mut self) -> String {
        let pieces = [
            "Done.",
            " ",
            "\u{0}",
            "ä€𝄞",
            "<tool_call>",
            "</tool_call>",
            "```json\n",
            "\n```",
            "{\"name\":\"stamp\",\"arguments\":{}}",
            "{\"name\":\"fs.read\",\"arguments\":{\"path\":\"work/hello.txt\"}}",
            "\u{202e}",
            "[DONE]",
            "data: {}",
            "\\u0000",
            "\"",
            "{",
            "]",
        ];
        (0..1 + self.below(5)).map(|_| self.one(&pieces)).collect()
    }

    fn arguments(&mut self) -> String {
        let deep = "[".repeat(1 + self.below(3_000));
        self.one(&[
            r#"{"path":"work/hello.txt"}"#.to_owned(),
            r#"{"path":"../../../etc/passwd"}"#.to_owned(),
            r#"{"path":"work/hello.txt","path":"other"}"#.to_owned(),
            r#"{"path":"work/hello.txt","length":1e400}"#.to_owned(),
            r#"{"path":123}"#.to_owned(),
            "{}".to_owned(),
            String::new(),
            "null".to_owned(),
            "{\"path\":".to_owned(),
            deep,
            format!("{{\"path\":\"{}\"}}", "a".repeat(5_000)),
        ])
    }

    fn call(&mut self, index: usize) -> Value {
        let names =
            ["fs.read", "fs_read", "fs.list", "stamp", "model.call", "workflow.read", "workflow_stamp", "", "rm -rf /", "ﬀ"];
        let mut call = json!({
            "index": index, "id": format!("c{index}"), "type": "function",
            "function": {"name": self.one(&names), "arguments": self.arguments()},
        });
        match self.below(40) {
            0 => call["id"] = json!(""),
            1 => call["id"] = json!("c0"),
            2 => drop(call.as_object_mut().unwrap().remove("id")),
            3 => call["index"] = json!(-1),
            4 => call["function"]["arguments"] = json!({"path": "work/hello.txt"}),
            5 => call["function"]["name"] = Value::Null,
            6 => call["function"] = json!("fs.read"),
            7 => call["id"] = json!("x".repeat(300)),
            _ => {}
        }
        call
    }

    fn delta(&mut self) -> Value {
        match self.below(40) {
            0 => json!({"content": Value::Null}),
            1 => json!({"refusal": self.text()}),
            2..=4 => json!({"reasoning_content": self.text()}),
            5..=7 => json!({"content": [{"type": "text", "text": self.text()}]}),
            8..=14 => json!({"content": self.text()}),
            _ => json!({"tool_calls": (0..1 + self.below(4)).map(|index| self.call(index)).collect::<Vec<_>>()}),
        }
    }

    fn event(&mut self) -> Value {
        let finish = if self.odds(4) {
            self.one(&["stop", "tool_calls", "length", "content_filter", "", "bored"].map(Value::from))
        } else {
            Value::Null
        };
        let mut event = json!({"choices": [{"index": 0, "delta": self.delta(), "finish_reason": finish}]});
        match self.below(120) {
            0 => event = json!({"error": {"message": self.text()}}),
            1 => event["choices"] = json!([]),
            2 => event["choices"][0]["index"] = json!(1),
            3 => event["choices"] = Value::Null,
            4 => event["usage"] = json!({"prompt_tokens": -1, "completion_tokens": "many"}),
            5 => event["usage"] = json!({"prompt_tokens": 1e300, "completion_tokens": 3}),
            _ => {}
        }
        event
    }

    fn answer(&mut self) -> Answer {
        match self.below(20) {
            0 => Answer::refuse(u16::try_from(400 + self.below(200)).unwrap(), &self.text()),
            1 => Answer::SayHalf(self.text()),
            2 => Answer::CutAfter(self.text()),
            3 => Answer::SayUncounted(self.text()),
            4..=6 => Answer::Say(self.text()),
            _ => {
                let mut events: Vec<Value> = (0..1 + self.below(5)).map(|_| self.event()).collect();
                let reason = self.one(&["stop", "tool_calls"]);
                events.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}));
                events.push(
                    json!({"choices": [], "usage": {"prompt_tokens": self.below(900), "completion_tokens": self.below(200)}}),
                );
                if self.odds(90) { Answer::events(&events) } else { self.spoiled(&events) }
            }
        }
    }

    /// The bytes of these events with some of them changed, doubled or left out.
    fn spoiled(&mut self, events: &[Value]) -> Answer {
        let mut body: Vec<u8> = events.iter().flat_map(|event| format!("data: {event}\n\n").into_bytes()).collect();
        for _ in 0..1 + self.below(8) {
            let at = self.below(body.len());
            match self.below(3) {
                0 => body[at] = u8::try_from(self.below(256)).unwrap(),
                1 => drop(body.remove(at)),
                _ => body.insert(at, u8::try_from(self.below(256)).unwrap()),
            }
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n", body.len());
        Answer::Steps(vec![Step::Send([head.into_bytes(), body].concat())])
    }
}

/// Puts an agent for each task of a round into force, each with a model of its own at this address. With another `number` they are
/// other models: what failed three times would be left alone for a while, and its tasks would ask nothing.
async fn drive(world: &World, token: &str, base_url: &str, number: usize) {
    let mut files = Vec::new();
    for index in 0..AT_ONCE {
        let model = json!({
            "id": format!("random-{index}"), "base_url": base_url, "model": format!("m{number}"), "context_tokens": 20_000,
            "output_tokens_max": 300,
            "timeouts": {"connect": "1s", "first_token": "1s", "idle": "300ms", "total": "3s"},
        });
        let agent = json!({
            "id": format!("clerk-{index}"), "team": "ops", "description": "Reads.", "tools": ["fs.read", "fs.list", "stamp"],
            "workflows": ["read", "stamp"], "mounts": [{"name": "work", "path": world.path("work")}],
            "model": {"route": [format!("random-{index}")], "turns_max": TURNS_MAX},
            "budget": {"calls": CALLS_MAX, "tokens": TOKENS_MAX, "seconds": SECONDS_MAX},
        });
        files.push((format!("models/random-{index}.yaml"), model.to_string()));
        files.push((format!("agents/clerk-{index}.yaml"), agent.to_string()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let commit = world.commit(&files);
    let mut repository = RepositoryServiceClient::new(world.channel.clone());
    let request = with(token, v1::ReloadRepositoryRequest::default());
    let status = repository.reload_repository(request).await.unwrap().into_inner();
    assert_eq!(status.commit, commit, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_model_says_its_task_ends_within_its_budget() {
    let seed = seed();
    println!("seed {seed}: SCALBOTICS_TEST_SEED={seed} repeats what the model says");
    let mut dice = Dice(seed);
    let server = ScriptedServer::choosing(0, move |_| dice.answer()).unwrap();
    let rate = |kind: &str| format!("limits.requests_per_second.{kind}=100000");
    let values = [rate("read"), rate("write"), rate("stream"), "limits.streams_per_principal=1000".to_owned()];
    let world = World::with(false, &values.each_ref().map(String::as_str)).await;
    let token = world.token("ann").await;
    let begun = Instant::now();
    let mut longest: f64 = 0.0;
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for round in 0..TASKS / AT_ONCE {
        if round % 2 == 0 {
            drive(&world, &token, &server.base_url(), round).await;
        }
        let run = |number: usize| {
            let (token, channel) = (token.clone(), world.channel.clone());
            tokio::spawn(async move {
                let goal = Some(v1::submit_task_request::Goal::Text(format!("goal {round}.{number}")));
                let agent = format!("tenants/acme/agents/clerk-{number}");
                let request = v1::SubmitTaskRequest { agent, goal, ..Default::default() };
                let mut tasks = TaskServiceClient::new(channel);
                let name = tasks.submit_task(with(&token, request)).await.unwrap().into_inner().name;
                let watch = with(&token, v1::WatchTaskRequest { name: name.clone(), from_sequence: 0 });
                let mut events = tasks.watch_task(watch).await.unwrap().into_inner();
                while events.message().await.unwrap().is_some() {}
                let get = v1::GetTaskRequest { name, with_output: false };
                tasks.get_task(with(&token, get)).await.unwrap().into_inner()
            })
        };
        let running: Vec<_> = (0..AT_ONCE).map(run).collect();
        for task in running {
            let most = Duration::from_secs(SECONDS_MAX + 30);
            let task = tokio::time::timeout(most, task).await.expect("a task does not end").unwrap();
            check(&task);
            longest = elapsed(&task).max(longest);
            *ends.entry(format!("{:?} {}", task.status(), task.failure)).or_default() += 1;
        }
    }
    println!(
        "{TASKS} tasks, {} questions, {:?}, the longest task {longest:.1} s: {ends:#?}",
        server.asked().len(),
        begun.elapsed()
    );
    assert!(ends.len() >= 4, "the dice bring too little about: {ends:?}");
    assert_eq!(world.get("/healthz").await.0, 200);
}

/// The seed that was given, or another one in each run.
fn seed() -> u64 {
    let given = std::env::var("SCALBOTICS_TEST_SEED").ok().map(|text| text.parse().expect("the seed is a number"));
    given.unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0))
}

/// From the moment at which a task is over time, when what is under way is told to stop, to the one at which its end is written, in
/// seconds: what does not obey is given up after five, and then two hundred ends are written on a machine that does other things.
const END_SECONDS_MAX: u64 = 8;

/// Seconds from the submission to the last event.
fn elapsed(task: &v1::Task) -> f64 {
    let seconds = |time: &Option<prost_types::Timestamp>| {
        let time = time.as_ref().unwrap();
        time.seconds as f64 + f64::from(time.nanos) / 1e9
    };
    seconds(&task.update_time) - seconds(&task.create_time)
}

/// The task has ended, took no more than it may, and did nothing that waits for a person.
fn check(task: &v1::Task) {
    let ended = matches!(task.status(), v1::TaskStatus::Completed | v1::TaskStatus::Failed);
    assert!(ended && (task.status() == v1::TaskStatus::Completed) == task.failure.is_empty(), "{task:#?}");
    assert!(task.calls_used <= CALLS_MAX, "{task:#?}");
    assert!(task.tokens_used <= TOKENS_MAX, "{task:#?}");
    let elapsed = elapsed(task);
    assert!((0.0..=(SECONDS_MAX + END_SECONDS_MAX) as f64).contains(&elapsed), "{elapsed} s: {task:#?}");
    let told = task.calls.iter().filter(|call| call.phase == "denied").count() as u64;
    assert_eq!(told, task.calls_denied, "{task:#?}");
    let turns =
        task.calls.iter().filter(|call| call.tool == "model.call" && call.step.starts_with("turn-") && !call.step.contains('.'));
    assert!(turns.count() <= TURNS_MAX, "{task:#?}");
    for call in &task.calls {
        assert!(call.tool != "stamp" || call.attempts == 0, "a risky call was made that nobody approved: {task:#?}");
    }
}
