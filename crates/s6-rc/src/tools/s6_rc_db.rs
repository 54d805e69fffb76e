//! `s6-rc-db`: prints what is in a compiled database.
//!
//! Exit codes: 0 done, 3 an unknown name, 4 an invalid database, 5 the wrong kind of service, 100 wrong usage, 111 a
//! system call failed.

use crate::common_options::live_dir;
use crate::database::{Body, Database, Entity, Id, Service};
use crate::direction::Direction;
use crate::live::{load, select};
use crate::oneshot::Script;
use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-db",
    summary: "print what is in a compiled service database",
    operands: "help|check|list|type|timeout|contents|dependencies|pipeline|script|flags|atomics|all-dependencies [ names... ]",
    options: &[
        Opt::flag('u', "what is needed to start (the default)").long("up"),
        Opt::flag('d', "what is needed to stop").long("down"),
        Opt::flag('b', "wait for writers; a database never changes, so nobody waits").long("block"),
        Opt::flag('E', "print essential services (the default)").long("with-essentials"),
        Opt::flag('e', "leave essential services out").long("without-essentials"),
        Opt::value('l', "live", "the live directory whose database is meant").long("livedir"),
        Opt::value('c', "compiled", "the compiled database").long("compiled"),
    ],
    role: Role::Stay,
    main,
};

const HELP: &str = "\
s6-rc-db help                               print this
s6-rc-db check                              check the database
s6-rc-db list all|services|oneshots|longruns|bundles
                                            print names
s6-rc-db type name                          print oneshot, longrun or bundle
s6-rc-db [ -d ] timeout name                print the longest time for a start, or a stop, in milliseconds
s6-rc-db contents bundle                    print the atomic services of a bundle
s6-rc-db [ -d ] dependencies names...       print what services need directly, or what needs them
s6-rc-db pipeline longrun                   print the pipeline of a longrun, a line for each producer/consumer
s6-rc-db [ -d ] script oneshot              print a command line, each word ended by a null character
s6-rc-db flags name                         print the flags: 1 essential, 2 recommended
s6-rc-db atomics names...                   print all atomic services of the names
s6-rc-db [ -d ] all-dependencies names...   print what must be up, or down, for the services to be
all: [ -l live | -c compiled ]; -e leaves essential services out
";

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let command = call.shift()?;
    let names = call.take_args();
    let mut out = Out::new();
    let needs_names: &[&[u8]] = &[
        b"list",
        b"type",
        b"timeout",
        b"contents",
        b"dependencies",
        b"pipeline",
        b"script",
        b"flags",
        b"atomics",
        b"all-dependencies",
    ];
    match command.as_slice() {
        b"help" => {
            out.put(HELP.as_bytes())?;
            return out.finish();
        }
        b"check" => {}
        c if needs_names.contains(&c) && !names.is_empty() => {}
        c if needs_names.contains(&c) => return Err(Fatal::usage()),
        _ => return Err(super::s6_rc::misspelt_command(&TOOL, &command)),
    }
    let kind = names.first().map_or(&[][..], Vec::as_slice);
    let kinds: &[&[u8]] = &[b"all", b"services", b"oneshots", b"longruns", b"bundles"];
    if command == b"list" && !kinds.contains(&kind) {
        return Err(Fatal::user(format_args!("unknown kind of services: {}", show(kind))));
    }
    let compiled = match options.get('c') {
        Some(compiled) => compiled.to_vec(),
        None => tool::path::join(live_dir(&options), b"compiled"),
    };
    let query = Query {
        database: load(&compiled)?,
        direction: if options.last_of("ud") == Some('d') { Direction::Down } else { Direction::Up },
        without_essentials: options.last_of("Ee") == Some('e'),
    };
    match command.as_slice() {
        b"check" => {}
        b"list" => query.list(&mut out, kind)?,
        b"type" => out.line(query.type_of(kind)?)?,
        b"timeout" => {
            let service = query.atomic(kind)?;
            let ms = match query.direction {
                Direction::Up => service.timeout_up,
                Direction::Down => service.timeout_down,
            };
            out.line(ms.to_string().as_bytes())?;
        }
        b"flags" => out.line(format!("{:08x}", query.atomic(kind)?.flags).as_bytes())?,
        b"contents" => query.contents(&mut out, kind)?,
        b"dependencies" => query.dependencies(&mut out, &names)?,
        b"pipeline" => query.pipeline(&mut out, kind)?,
        b"script" => query.script(&mut out, kind)?,
        b"atomics" => query.print(&mut out, &select(&query.database, &names)?)?,
        _ => {
            let mut selected = select(&query.database, &names)?;
            query.database.close(&mut selected, query.direction);
            query.print(&mut out, &selected)?;
        }
    }
    out.finish()
}

/// What is asked for.
struct Query {
    database: Database,
    direction: Direction,
    /// Essential services are not printed.
    without_essentials: bool,
}

impl Query {
    fn find(&self, name: &[u8]) -> Result<Entity, Fatal> {
        let meant = || self.database.did_you_mean(name);
        let unknown = || Fatal::new(3, format_args!("{} is not in the database{}", show(name), meant()));
        self.database.find(name).ok_or_else(unknown)
    }

    fn atomic(&self, name: &[u8]) -> Result<&Service, Fatal> {
        let wrong = || Fatal::new(5, format_args!("{} is a bundle, not an atomic service", show(name)));
        match self.find(name)? {
            Entity::Atomic(id) => self.database.service(id).ok_or_else(wrong),
            Entity::Bundle(_) => Err(wrong()),
        }
    }

    fn type_of(&self, name: &[u8]) -> Result<&'static [u8], Fatal> {
        Ok(match self.find(name)? {
            Entity::Bundle(_) => b"bundle",
            Entity::Atomic(_) if self.atomic(name)?.is_longrun() => b"longrun",
            Entity::Atomic(_) => b"oneshot",
        })
    }

    fn print(&self, out: &mut Out, selected: &[bool]) -> Result<(), Fatal> {
        for (service, _) in self.database.services().iter().zip(selected).filter(|(_, s)| **s) {
            if !(self.without_essentials && service.is_essential()) {
                out.line(&service.name)?;
            }
        }
        Ok(())
    }

    fn list(&self, out: &mut Out, kind: &[u8]) -> Result<(), Fatal> {
        let longruns = matches!(kind, b"all" | b"services" | b"longruns");
        let oneshots = matches!(kind, b"all" | b"services" | b"oneshots");
        let wanted = |s: &Service| if s.is_longrun() { longruns } else { oneshots };
        let selected: Vec<bool> = self.database.services().iter().map(wanted).collect();
        self.print(out, &selected)?;
        if matches!(kind, b"all" | b"bundles") {
            for bundle in self.database.bundles() {
                out.line(&bundle.name)?;
            }
        }
        Ok(())
    }

    fn contents(&self, out: &mut Out, name: &[u8]) -> Result<(), Fatal> {
        match self.find(name)? {
            Entity::Bundle(_) => self.print(out, &select(&self.database, &[name.to_vec()])?),
            Entity::Atomic(_) => Err(Fatal::new(5, format_args!("{} is not a bundle", show(name)))),
        }
    }

    fn dependencies(&self, out: &mut Out, names: &[Vec<u8>]) -> Result<(), Fatal> {
        let mut found = vec![false; self.database.len()];
        for (service, _) in
            self.database.services().iter().zip(select(&self.database, names)?).filter(|(_, s)| *s)
        {
            let next = match self.direction {
                Direction::Up => &service.dependencies,
                Direction::Down => &service.dependents,
            };
            for id in next {
                if let Some(slot) = found.get_mut(*id as usize) {
                    *slot = true;
                }
            }
        }
        self.print(out, &found)
    }

    /// Prints the whole pipeline: from the last consumer backwards, a line for each producer and its consumer.
    fn pipeline(&self, out: &mut Out, name: &[u8]) -> Result<(), Fatal> {
        let Entity::Atomic(mut last) = self.find(name)? else {
            return Err(Fatal::new(5, format_args!("{} is not a longrun", show(name))));
        };
        if !self.atomic(name)?.is_longrun() {
            return Err(Fatal::new(5, format_args!("{} is not a longrun", show(name))));
        }
        let pipe = |id: Id| match self.database.service(id).map(|s| &s.body) {
            Some(Body::Longrun { consumer, producers }) => (*consumer, producers.as_slice()),
            _ => (None, &[][..]),
        };
        // A producer depends on its consumer, so this ends.
        while let (Some(consumer), _) = pipe(last) {
            last = consumer;
        }
        let mut lines = Vec::new();
        let mut todo = vec![last];
        while let Some(consumer) = todo.pop() {
            for producer in pipe(consumer).1 {
                lines.push([self.database.name(*producer), b"/", self.database.name(consumer)].concat());
                todo.push(*producer);
            }
        }
        if lines.is_empty() {
            return out.line(name);
        }
        lines.iter().rev().try_for_each(|line| out.line(line))
    }

    fn script(&self, out: &mut Out, name: &[u8]) -> Result<(), Fatal> {
        let wrong = || Fatal::new(5, format_args!("{} is not a oneshot", show(name)));
        let Entity::Atomic(_) = self.find(name)? else { return Err(wrong()) };
        let service = self.atomic(name)?;
        if service.is_longrun() {
            return Err(wrong());
        }
        let script = match self.direction {
            Direction::Up => Script::Up,
            Direction::Down => Script::Down,
        };
        for word in script.of(service) {
            out.put(word)?;
            out.put(b"\0")?;
        }
        Ok(())
    }
}
