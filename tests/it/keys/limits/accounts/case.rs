//! An orchestra with limits, drawn from a seed: its tasks, its models' behaviour, and where it is killed.

use std::fmt::Write;

/// The longest answer that a call may ask for, in tokens.
pub(super) const MAX_TOKENS: u64 = 60;

/// Dollars for a million tokens, of prompts and of answers.
pub(super) const PRICES: [(&str, f64, f64); 2] = [("first", 1000.0, 4000.0), ("second", 300.0, 9000.0)];

/// Numbers from a seed (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(super) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// How the models behave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mood {
    /// They answer.
    Calm,
    /// The first one breaks down and breaks off, and both are busy.
    Rough,
    /// They refuse, complain and talk nonsense.
    Picky,
    /// The first one never answers, and says so with this status.
    Dead(u16),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limit {
    pub(super) calls: Option<u64>,
    pub(super) tokens: Option<u64>,
    pub(super) cents: Option<u64>,
}

impl Limit {
    pub(super) fn draw(dice: &mut Dice, one_in: u64, calls: u64) -> Self {
        let mut maybe = |least: u64, more: u64| dice.one_in(one_in).then(|| least + dice.roll(more));
        Self { calls: maybe(0, 4 * calls), tokens: maybe(200, 1500 * calls), cents: maybe(20, 120 * calls) }
    }

    pub(super) fn text(self, times: u64) -> String {
        let number =
            |key: &str, n: Option<u64>| n.map(|n| format!("{key}: {}", (n + 1) * times - u64::from(times == 1)));
        let dollars = self.cents.map(|cents| format!("cost_limit_usd: {}.{:02}", cents * times / 100, cents % 100));
        let all = [number("max_api_calls", self.calls), number("token_budget", self.tokens), dollars];
        format!("{{{}}}", all.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) mood: Mood,
    /// Whether the tasks are in two groups, one behind the other.
    pub(super) mixed: bool,
    pub(super) max_parallel: u64,
    /// Whether the first model is Anthropic's.
    pub(super) swapped: bool,
    /// The tasks that each task needs.
    pub(super) needs: Vec<Vec<usize>>,
    /// Those of the run, of the two groups and of the tasks.
    pub(super) limits: Vec<Limit>,
    /// At which step on the disk each process is killed.
    pub(super) kills: Vec<u64>,
}

impl Case {
    pub(super) fn draw(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let tasks = 3 + dice.roll(5);
        let mixed = dice.one_in(2);
        let mood = match dice.roll(6) {
            0 => Mood::Calm,
            1 | 2 => Mood::Rough,
            3 | 4 => Mood::Picky,
            _ => Mood::Dead([401, 503, 429][usize::try_from(dice.roll(3)).unwrap()]),
        };
        let needs =
            (0..tasks).map(|ix| (0..ix).filter(|_| dice.one_in(4)).map(|n| usize::try_from(n).unwrap()).collect());
        let needs: Vec<Vec<usize>> = needs.collect();
        let mut limits = vec![Limit::draw(&mut dice, 2, tasks)];
        let of_group = |dice: &mut Dice| if mixed { Limit::draw(dice, 4, tasks / 2 + 1) } else { Limit::default() };
        limits.extend([of_group(&mut dice), of_group(&mut dice)]);
        limits.extend((0..tasks).map(|_| Limit::draw(&mut dice, 12, 2)));
        // Without any limit nothing is reserved.
        limits[0].calls = limits[0].calls.or(Some(999));
        let kills = if dice.one_in(2) { (0..=dice.roll(2)).map(|_| 8 + dice.roll(50)).collect() } else { Vec::new() };
        Self { seed, mood, mixed, max_parallel: dice.roll(5), swapped: dice.one_in(2), needs, limits, kills }
    }

    /// The file, with its limits so many times as high.
    pub(super) fn text(&self, times: u64) -> String {
        let names = |tasks: &[usize]| tasks.iter().map(|ix| format!("t{ix}")).collect::<Vec<_>>().join(", ");
        let all: Vec<usize> = (0..self.needs.len()).collect();
        let (early, late) = all.split_at(all.len() / 2);
        let group = |(name, tasks, limit): (&str, &[usize], Limit)| {
            let (tasks, limit) = (names(tasks), limit.text(times));
            format!("{{name: {name}, tasks: [{tasks}], execution_strategy: parallel, limits: {limit}}}")
        };
        let groups = [("early", early, self.limits[1]), ("late", late, self.limits[2])].map(group).join(", ");
        let strategy = if self.mixed { format!("mixed, task_groups: [{groups}]") } else { "parallel".to_owned() };
        let mut text = format!(
            "orchestra:\n  id: x\n  reuse: false\n  execution: {{strategy: {strategy}, on_error: continue, \
             max_parallel_tasks: {}, retry_strategy: {{strategy: fixed, max_attempts: 3, initial_seconds: 0}}}}\n\
             limits: {}\nagents: [{{name: player, model: [first, second], tools: [read_file]}}]\nmodels:\n",
            self.max_parallel,
            self.limits[0].text(times),
        );
        let providers = if self.swapped { ["anthropic", "openai"] } else { ["openai", "anthropic"] };
        for (provider, (model, input, output)) in providers.iter().zip(PRICES) {
            let price = format!("price: {{input: {input}, output: {output}}}");
            writeln!(text, "  {model}: {{provider: {provider}, model: {model}, max_tokens: {MAX_TOKENS}, {price}}}")
                .unwrap();
        }
        text.push_str("tasks:\n");
        for (ix, needs) in self.needs.iter().enumerate() {
            let limits = self.limits[3 + ix].text(times);
            let task = format!("name: t{ix}, agent: player, description: \"perform t{ix}!\"");
            writeln!(text, "  - {{{task}, context: [{}], limits: {limits}}}", names(needs)).unwrap();
        }
        text
    }

    /// The limits that a call of a task counts against, by their places in `limits`.
    pub(super) fn scopes(&self, task: usize) -> Vec<usize> {
        let group = self.mixed.then_some(if task < self.needs.len() / 2 { 1 } else { 2 });
        [Some(0), group, Some(3 + task)].into_iter().flatten().collect()
    }
}
