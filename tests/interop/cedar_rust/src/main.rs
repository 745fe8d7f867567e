//! cedar-rust-bench POLICIES ENTITIES REQUEST SECONDS: the median time of one decision of the Rust crate, and the answer, as one line:
//! `NANOSECONDS allow|deny ID,ID…`. Everything is parsed before the clock starts.
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use std::time::{Duration, Instant};

fn uid(v: &serde_json::Value) -> EntityUid {
    EntityUid::from_json(v.clone()).expect("an entity's name")
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let read = |i: usize| std::fs::read_to_string(&args[i]).expect("a readable file");
    let policies: PolicySet = read(1).parse().expect("policies");
    let entities = Entities::from_json_str(&read(2), None).expect("entities");
    let r: serde_json::Value = serde_json::from_str(&read(3)).expect("JSON");
    let context = Context::from_json_value(r["context"].clone(), None).expect("a context");
    let request = Request::new(uid(&r["principal"]), uid(&r["action"]), uid(&r["resource"]), context, None).expect("a request");
    let limit = Duration::from_secs_f64(args[4].parse().expect("seconds"));
    let authorizer = Authorizer::new();
    let answer = authorizer.is_authorized(&request, &policies, &entities);
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < limit || times.len() < 5 {
        let t = Instant::now();
        std::hint::black_box(authorizer.is_authorized(&request, &policies, &entities));
        times.push(t.elapsed().as_nanos());
    }
    times.sort_unstable();
    let mut ids: Vec<String> = answer.diagnostics().reason().map(|id| id.to_string()).collect();
    ids.sort();
    let decision = if answer.decision() == Decision::Allow { "allow" } else { "deny" };
    println!("{} {} {}", times[times.len() / 2], decision, ids.join(","));
}
