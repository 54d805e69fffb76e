//! A table of calls and what each one executes: the defaults and the effect of each option, as a snapshot.

use crate::TOOLS;
use tool::{Call, Env, Next, Outcome, diag};

/// Calls, a line each: assignments to the environment, the command and its arguments.  `{` and `}` are blocks, `''` is
/// an empty word, `~` stands for a blank in a word.
const CALLS: &str = "
    # Transformations: not split, not crunched, not chomped; delimiters are space, newline, carriage return and tab.
    define K ~a~~b~ p [$K] ${K}
    define -s K ~a~~b~c p ${K}
    define -sC K ~a~~b~c p ${K}
    define -sn K ~a~~b~c p ${K}
    define -n K a~~ p [${K}]
    define -C K a~~b p [${K}]
    define -Cc K a~~b p [${K}]
    define -nN K a~ p [${K}]
    define -s -d , K a,b p ${K}
    define -s -d '' K 1:a,2:bc, p ${K}
    define -s -d '' K abc p ${K}
    V=v importas K V p ${K}
    importas K V p ${K} end
    importas -i K V p ${K}
    importas -D d K V p ${K}
    importas -S V p ${V} end
    V=v importas -u K V p ${K}
    multidefine a~b~c { X Y } p ${X} ${Y}
    multidefine -r a~b~c { X Y } p ${X} ${Y}
    multidefine a { X Y } p ${X} [${Y}]
    multidefine -0 a { X Y } p ${X} [${Y}] end
    V=v multisubstitute { define K ${V} importas V V } p ${K}
    multisubstitute { define K 1 define K 2 } p
    define '' v p
    # Scripts.
    execlineb -c p a b
    #=1 0=s 1=old execlineb -c p a b
    #=1 0=s 1=old execlineb -p -c p a
    #=1 0=s 1=old execlineb -P -c p a
    execlineb -S 1 -c p~$0~$#~$1~$2~$@ a
    execlineb -S 3 -c p~[${3}]~$@ a b
    execlineb -s 1 -c p~$@ a b c
    execlineb -c if~{~a~}~b
    EXECLINE_STRICT=2 execlineb -S 3 -c p a b
    EXECLINE_STRICT=2 execlineb -P -c p
    execlineb -q -P -c p
    execlineb -w -P -c p
    execlineb -W -P -c p
    execlineb -c ''
    execlineb -c a~}
    # Positional parameters.
    #=3 0=s 1=a 2=b 3=c elgetpositionals p $# $0 $1 $2 $3 $4 $@
    #=1 0=s 1=a elgetpositionals -P 2 p $1 [${2}] $@
    #=3 0=s 1=a 2=b 3=c shift p
    #=3 0=s 1=a 2=b 3=c shift -n 2 p
    #=3 0=s 1=a 2=b 3=c shift -n 4 p
    EXECLINE_STRICT=2 #=3 0=s 1=a 2=b 3=c shift -n 4 p
    #=3 0=s 1=~a 2= 3=c shift -b 1 p
    #=3 0=s 1=~a 2= 3=c runblock 1
    #=3 0=s 1=~a 2= 3=c runblock -P 1 x
    #=3 0=s 1=~a 2= 3=c runblock -r 1
    #=3 0=s 1=x 2=~a 3= runblock -n 1 1
    #=3 0=s 1=~a 2= 3=c runblock 2
    #=2 0=s 1=-ab 2=c elgetopt ab: p
    #=2 0=s 1=-b 2=c elgetopt -D yes b p
    #=1 0=s 1=-x ELGETOPT_a=outer elgetopt x p
    # The environment.
    A=1 PATH=/bin LD_LIBRARY_PATH=/l emptyenv p
    A=1 PATH=/bin LD_LIBRARY_PATH=/l emptyenv -p p
    A=1 PATH=/bin LD_LIBRARY_PATH=/l emptyenv -l p
    A=1 !=5 ?=0 #=0 0=s FD0=3 ELGETOPT_a=1 EXECLINE_STRICT=1 emptyenv -c p
    ELGETOPT_a=1 ELGETOPT_a:1=2 #=0 #:1=9 emptyenv -o p
    ELGETOPT_a=1 ELGETOPT_a:1=2 #=0 #:1=9 emptyenv -P p
    export A 1 p
    export A=B 1 p
    A=1 unexport A p
    export-array A { ~x ~y } p
    export-array -d : A { ~x ~y } p
    # The next program.
    exec p a
    exec -l p a
    exec -a n p a
    exec -la n p a
    A=1 exec -c p
    tryexec { p } q r
    tryexec -n { p } q r
    tryexec -n { p }
    A=1 tryexec -c { p } q
    # Exit codes.
    exit
    exit 3
    exit 256
    exit 257
    exit x
    eltest
    eltest a
    eltest ''
    eltest a =
    eltest 1 -eq x
    s6-test a = a
    case a { a { p } } q
    case b { a { p } } q
    case ab { a|ab { p } } q
    case ab { (a)(b) { p } } q
    case -N ab { (a)(b) { p } } q
    case -s ab { a* { p } } q
    case -s .a { * { p } } q
    case -si .a { * { p } } q
    case -s a/b { * { p } } q
    case -sN a/b { * { p } } q
    case -i AB { ab { p } } q
    case a { a } q
";

/// The words of a line; braces become the words of a block.
fn words(line: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut env = Vec::new();
    let mut args = Vec::new();
    let mut depth = 0;
    for word in line.split(' ') {
        let word = if word == "''" { String::new() } else { word.replace('~', " ") };
        let is_assignment = args.is_empty() && word.contains('=');
        match word.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                args.push(vec![b' '; depth]);
            }
            _ if is_assignment => env.push(word.into_bytes()),
            _ => args.push([" ".repeat(depth), word].concat().into_bytes()),
        }
    }
    (env, args)
}

fn show_words(words: &[Vec<u8>]) -> String {
    let show = |word: &Vec<u8>| match diag::shown(word) {
        shown if shown.is_empty() || shown.contains(' ') => format!("'{shown}'"),
        shown => shown,
    };
    words.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn show_program(program: &tool::Program) -> String {
    let file = diag::show(&program.file);
    let file = if program.argv.first() == Some(&program.file) { String::new() } else { format!("({file}) ") };
    let env = show_words(program.env.vars());
    format!(
        "{file}{}{}",
        show_words(&program.argv),
        if env.is_empty() { env } else { format!("  with {env}") }
    )
}

fn show_outcome(outcome: Outcome) -> String {
    match outcome {
        Err(fatal) if fatal.message().is_empty() => format!("fails with {}", fatal.code()),
        Err(fatal) => {
            format!("fails with {}: {}", fatal.code(), fatal.message().lines().next().unwrap_or_default())
        }
        Ok(Next::Exit(code)) => format!("exits {code}"),
        Ok(Next::Run(program)) => show_program(&program),
        Ok(Next::Try(program, next)) => {
            format!("{}  else  {}", show_program(&program), show_outcome(Ok(*next)))
        }
    }
}

#[test]
fn each_call_executes_what_the_pages_state() {
    let mut table = String::new();
    for line in CALLS.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("# ") {
            table.push_str(&format!("{line}\n"));
            continue;
        }
        let (env, mut args) = words(line);
        let argv0 = args.remove(0);
        let tool = TOOLS.iter().find(|tool| tool.name.as_bytes() == argv0).unwrap();
        let mut call = Call { tool, argv0, args, env: Env::from_vars(env), path: None };
        let outcome = (tool.main)(&mut call);
        table.push_str(&format!("{line}\n    {}\n", show_outcome(outcome)));
    }
    insta::assert_snapshot!(table);
}
