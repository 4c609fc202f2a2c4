//! What a template asks for: names with their fields, filters, tests and functions, each with its place.
//!
//! Goes through all of it, also through branches that a run may not take. Knows which names the template makes itself,
//! and for those that stand for a part of a value, which one.

use std::collections::HashMap;
use std::ops::Range;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOpKind, Call, CallArg, Expr, ForLoop, Stmt};

use crate::plan::template::values::{DECIDING, IN_THEIRS};

/// A step from a value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A field by its name.
    Field(String),
    /// An item by its place.
    Index(i64),
    /// One that is not known before the run.
    Any,
}

/// A name and the way to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub root: String,
    pub steps: Vec<Step>,
}

/// What happens where a value is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    /// It is a mistake.
    Fails,
    /// It counts as nothing.
    Counts,
    /// The template asks for that.
    IsAsked,
}

/// A value that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub path: Path,
    pub range: Range<usize>,
    pub missing: Missing,
}

/// What a called name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Filter,
    Test,
    Function,
    Method,
}

/// Something that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    pub kind: Kind,
    pub name: String,
    pub range: Range<usize>,
}

/// A name whose value decides something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deciding {
    pub range: Range<usize>,
    /// Whether a field of the value is asked for.
    pub has_fields: bool,
}

/// All that a template asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    pub values: Vec<Use>,
    pub called: Vec<Called>,
    /// Where the name of a value stands that is compared or asked whether it holds.
    pub deciding: Vec<Deciding>,
    /// The expression, where the template is one place to fill in and nothing else.
    pub sole: Option<Range<usize>>,
}

/// Goes through a template. `is_condition` says that its sole expression is asked whether it holds.
pub(super) fn uses(source: &str, root: &Stmt<'_>, is_condition: bool) -> Uses {
    let mut walk = Walk { source, scopes: vec![HashMap::new()], found: Uses::default() };
    if let Stmt::Template(template) = root {
        if let [Stmt::EmitExpr(only)] = template.children.as_slice() {
            walk.found.sole = inside(source);
            walk.expr(&only.expr, how(is_condition, Missing::Fails));
        } else {
            walk.body(&template.children);
        }
    }
    walk.found
}

/// What stands between the braces of a text that is one place and nothing else.
fn inside(source: &str) -> Option<Range<usize>> {
    let inner = source.strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner).trim();
    let start = source.find(inner)?;
    Some(start..start + inner.len())
}

/// How a value is asked for.
#[derive(Clone, Copy)]
struct How {
    /// What it says decides something; otherwise it is written.
    decides: bool,
    missing: Missing,
}

fn how(decides: bool, missing: Missing) -> How {
    let missing = if decides { missing.max(Missing::Counts) } else { missing };
    How { decides, missing }
}

const WRITTEN: How = How { decides: false, missing: Missing::Fails };
const DECIDES: How = How { decides: true, missing: Missing::Counts };

struct Walk<'s> {
    source: &'s str,
    /// The names that the template has made, and what they stand for where that is known.
    scopes: Vec<HashMap<String, Option<Path>>>,
    found: Uses,
}

impl Walk<'_> {
    fn body(&mut self, statements: &[Stmt<'_>]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(of) => self.body(&of.children),
            Stmt::EmitExpr(of) => self.expr(&of.expr, WRITTEN),
            Stmt::ForLoop(of) => self.for_loop(of),
            Stmt::IfCond(of) => {
                self.expr(&of.expr, DECIDES);
                self.body(&of.true_body);
                self.body(&of.false_body);
            }
            Stmt::WithBlock(of) => {
                self.scopes.push(HashMap::new());
                for (target, value) in &of.assignments {
                    self.expr(value, WRITTEN);
                    let path = self.path(value);
                    self.bind(target, path);
                }
                self.body(&of.body);
                self.scopes.pop();
            }
            Stmt::Set(of) => {
                self.expr(&of.expr, WRITTEN);
                let path = self.path(&of.expr);
                self.bind(&of.target, path);
            }
            Stmt::SetBlock(of) => {
                self.body(&of.body);
                of.filter.iter().for_each(|filter| self.expr(filter, WRITTEN));
                self.bind(&of.target, None);
            }
            Stmt::AutoEscape(of) => {
                self.expr(&of.enabled, DECIDES);
                self.body(&of.body);
            }
            Stmt::FilterBlock(of) => {
                self.expr(&of.filter, WRITTEN);
                self.body(&of.body);
            }
            Stmt::Do(of) => self.call(&of.call),
            // Text, and what only says where to go on.
            _ => {}
        }
    }

    fn for_loop(&mut self, of: &ForLoop<'_>) {
        self.expr(&of.iter, WRITTEN);
        let each = self.path(&of.iter).map(|mut path| {
            path.steps.push(Step::Any);
            path
        });
        self.scopes.push(HashMap::from([("loop".to_owned(), None)]));
        self.bind(&of.target, each);
        of.filter_expr.iter().for_each(|filter| self.expr(filter, DECIDES));
        self.body(&of.body);
        self.scopes.pop();
        self.body(&of.else_body);
    }

    fn bind(&mut self, target: &Expr<'_>, path: Option<Path>) {
        match target {
            Expr::Var(name) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.insert(name.id.to_owned(), path);
                }
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.bind(item, None)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item, None)),
            Expr::GetAttr(field) => self.expr(&field.expr, WRITTEN),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr<'_>, how: How) {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.value(expr, how),
            Expr::Const(_) => {}
            Expr::Slice(of) => {
                self.expr(&of.expr, how);
                [&of.start, &of.stop, &of.step].into_iter().flatten().for_each(|bound| self.expr(bound, DECIDES));
            }
            Expr::UnaryOp(of) => self.expr(&of.expr, DECIDES),
            Expr::BinOp(of) => {
                let inner = if matches!(of.op, BinOpKind::Concat) { WRITTEN } else { DECIDES };
                self.expr(&of.left, inner);
                self.expr(&of.right, inner);
            }
            Expr::Compare(of) => {
                self.expr(&of.expr, DECIDES);
                of.ops.iter().for_each(|op| self.expr(&op.expr, DECIDES));
            }
            Expr::IfExpr(of) => {
                self.expr(&of.test_expr, DECIDES);
                self.expr(&of.true_expr, how);
                of.false_expr.iter().for_each(|other| self.expr(other, how));
            }
            Expr::Filter(of) => {
                self.called(Kind::Filter, of.name, of.expr.as_ref(), range(expr.span()));
                let asked = matches!(of.name, "default" | "d");
                let inner = if asked { How { missing: Missing::IsAsked, ..how } } else { how };
                of.expr.iter().for_each(|inner_expr| self.expr(inner_expr, inner));
                self.arguments(&of.args);
            }
            Expr::Test(of) => {
                self.called(Kind::Test, of.name, Some(&of.expr), range(expr.span()));
                let asked = matches!(of.name, "defined" | "undefined" | "none");
                let missing = if asked { Missing::IsAsked } else { Missing::Counts };
                self.expr(&of.expr, How { missing, ..DECIDES });
                self.arguments(&of.args);
            }
            Expr::Call(of) => self.call(of),
            Expr::List(of) => of.items.iter().for_each(|item| self.expr(item, how)),
            Expr::Tuple(of) => of.items.iter().for_each(|item| self.expr(item, how)),
            Expr::Map(of) => of.keys.iter().chain(&of.values).for_each(|item| self.expr(item, how)),
        }
    }

    fn call(&mut self, call: &Call<'_>) {
        match &call.expr {
            Expr::Var(name) if self.local(name.id).is_none() => {
                let range = range(name.span());
                self.found.called.push(Called { kind: Kind::Function, name: name.id.to_owned(), range });
            }
            Expr::GetAttr(method) => {
                let is_of_loop =
                    matches!(&method.expr, Expr::Var(of) if of.id == "loop" && self.local("loop").is_some());
                if !is_of_loop {
                    let range = start_of(&method.expr)..range(method.span()).end;
                    self.found.called.push(Called { kind: Kind::Method, name: method.name.to_owned(), range });
                }
                self.expr(&method.expr, WRITTEN);
            }
            other => self.expr(other, WRITTEN),
        }
        self.arguments(&call.args);
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            let (CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr)) =
                argument;
            self.expr(expr, WRITTEN);
        }
    }

    /// A name, with or without fields.
    fn value(&mut self, expr: &Expr<'_>, how: How) {
        let mut inner = expr;
        let root = loop {
            match inner {
                Expr::GetAttr(of) => inner = &of.expr,
                Expr::GetItem(of) => {
                    if of.subscript_expr.as_const().is_none() {
                        self.expr(&of.subscript_expr, WRITTEN);
                    }
                    inner = &of.expr;
                }
                Expr::Var(of) => break of,
                other => return self.expr(other, WRITTEN),
            }
        };
        let Some(path) = self.path(expr) else { return };
        if how.decides && DECIDING.contains(&root.id) && self.local(root.id).is_none() {
            let has_fields = !path.steps.is_empty() && (!IN_THEIRS.contains(&root.id) || path.steps.len() > 1);
            self.found.deciding.push(Deciding { range: range(root.span()), has_fields });
        }
        let range = start_of(expr)..range(expr.span()).end;
        self.found.values.push(Use { path, range, missing: how.missing });
    }

    /// What an expression stands for, if it is a name or a part of one.
    fn path(&self, expr: &Expr<'_>) -> Option<Path> {
        let step = |of: &Expr<'_>, step: Step| {
            self.path(of).map(|mut path| {
                path.steps.push(step);
                path
            })
        };
        match expr {
            Expr::Var(of) => match self.local(of.id) {
                Some(known) => known.clone(),
                None => Some(Path { root: of.id.to_owned(), steps: Vec::new() }),
            },
            Expr::GetAttr(of) => step(&of.expr, Step::Field(of.name.to_owned())),
            Expr::GetItem(of) => {
                let key = of.subscript_expr.as_const();
                let key = key.map_or(Step::Any, |key| match (key.as_str(), key.as_i64()) {
                    (Some(name), _) => Step::Field(name.to_owned()),
                    (None, Some(place)) => Step::Index(place),
                    (None, None) => Step::Any,
                });
                step(&of.expr, key)
            }
            _ => None,
        }
    }

    fn local(&self, name: &str) -> Option<&Option<Path>> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))
    }

    fn called(&mut self, kind: Kind, name: &str, of: Option<&Expr<'_>>, whole: Range<usize>) {
        let start = of.map_or(whole.start, |of| range(of.span()).end);
        let here = self.source.get(start..whole.end).and_then(|text| text.find(name)).map(|at| start + at);
        let range = here.map_or(whole, |at| at..at + name.len());
        self.found.called.push(Called { kind, name: name.to_owned(), range });
    }
}

/// Where a value begins: the span of a field alone begins at its dot.
fn start_of(expr: &Expr<'_>) -> usize {
    match expr {
        Expr::GetAttr(of) => start_of(&of.expr),
        Expr::GetItem(of) => start_of(&of.expr),
        other => range(other.span()).start,
    }
}

fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

impl Path {
    /// The path as a template writes it.
    pub(super) fn text(&self) -> String {
        let mut text = self.root.clone();
        for step in &self.steps {
            match step {
                Step::Field(name) if is_identifier(name) => text.push_str(&format!(".{name}")),
                Step::Field(name) => text.push_str(&format!("['{name}']")),
                Step::Index(place) => text.push_str(&format!("[{place}]")),
                Step::Any => text.push_str("[...]"),
            }
        }
        text
    }

    /// The name of the first step.
    pub(super) fn first_field(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Field(name)) => Some(name),
            _ => None,
        }
    }
}

/// Whether a name can be written behind a dot.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
