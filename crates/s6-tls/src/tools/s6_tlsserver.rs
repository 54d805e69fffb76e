//! `s6-tlsserver`: a TLS super-server, put together from its parts.

use crate::launch::{CLEAN, KEEP};
use crate::server::{self, ClientCertificate, REQUEST_CERTIFICATE, REQUIRE_CERTIFICATE, SNI_LEVEL};
use crate::session::{ACCEPT_TRUNCATION, NO_CLOSE_NOTIFY, REQUIRE_CLOSE_NOTIFY, SEND_CLOSE_NOTIFY, TIMEOUT};
use ipc::command_line::CommandLine;
use ipc::identity;
use ipc::server_options::{
    BACKLOG, CONNECTIONS, CONNECTIONS_OF_ADDRESS, NORMALLY_VERBOSE, NOTIFY_PORT, QUIET, VERBOSE, access,
};
use std::sync::Arc;
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsserver",
    summary: "run a program for each TLS connection to a TCP port",
    operands: "ip port prog...",
    options: &[
        NOTIFY_PORT.long("notify"),
        QUIET.long("quiet"),
        NORMALLY_VERBOSE.long("normally-verbose"),
        VERBOSE.long("verbose"),
        Opt::flag('L', "a PROXY header comes before TLS").long("proxy"),
        CONNECTIONS.long("max-connections"),
        CONNECTIONS_OF_ADDRESS.long("max-local-connections"),
        BACKLOG.long("backlog"),
        identity::OPTIONS[0],
        identity::OPTIONS[1],
        identity::OPTIONS[2],
        identity::OPTIONS[3],
        access::ALLOW_FAILED_LOOKUP.long("no-strict-resolution"),
        access::DENY_FAILED_LOOKUP.long("strict-resolution"),
        access::COLLECT_WRITES.long("nagle"),
        access::SEND_AT_ONCE.long("no-nagle"),
        access::NO_NAMES.long("no-dns"),
        access::HOSTS.long("hosts"),
        access::NO_IDENT.long("no-ident"),
        access::IDENT.long("ident"),
        access::BELIEVE_NAME.long("no-paranoid"),
        access::CHECK_NAME.long("paranoid"),
        Opt::value('l', "localname", "the value of TCPLOCALHOST").long("local-name"),
        Opt::value('B', "banner", "write this to the client first, in clear").long("banner"),
        Opt::value('t', "timeout", "look-ups may take at most this many milliseconds").long("timeout"),
        access::RULES_DIR.long("rules-directory"),
        access::RULES_FILE.long("rules-file"),
        SEND_CLOSE_NOTIFY,
        NO_CLOSE_NOTIFY,
        REQUIRE_CLOSE_NOTIFY,
        ACCEPT_TRUNCATION,
        REQUEST_CERTIFICATE,
        REQUIRE_CERTIFICATE,
        KEEP,
        CLEAN,
        TIMEOUT,
        SNI_LEVEL,
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let address = [call.shift()?, call.shift()?];
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut argv = command(&options, address, tool::tool_file)?;
    check_files(call, &options)?;
    argv.extend(call.take_args());
    let env = call.take_env();
    Next::run(argv, env)
}

/// Refuses files at once that no connection could be served with.  Rules may set variables for a connection, so that
/// nothing is known then.
fn check_files(call: &Call, options: &Options) -> Result<(), Fatal> {
    if options.has('i') || options.has('x') {
        return Ok(());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let sni_level = options.number('k')?.unwrap_or(0);
    server::connection(&call.env, ClientCertificate::of(options), sni_level, &provider).map(drop)
}

/// The options that make s6-tcpserver-access a part: any but `-H`, without which it looks names up.
const ACCESS: &str = "wDrplBtix";

/// The command line without the program at its end.
fn command(
    options: &Options,
    address: [Vec<u8>; 2],
    file: fn(&str) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>, Fatal> {
    for letter in ['c', 'C', 'b', 't', 'K', 'k'] {
        options.number::<u32>(letter)?;
    }
    if options.has('i') && options.has('x') {
        return Err(Fatal::usage());
    }
    let mut line = CommandLine::new(file);
    line.begin_part("s6-tcpserver");
    line.pass(options, "qQv1cCb", TOOL.options);
    line.end_options();
    address.into_iter().for_each(|word| line.push(word));
    if !options.has('H') || options.iter().any(|(letter, _)| ACCESS.contains(letter)) {
        line.begin_part("s6-tcpserver-access");
        line.verbosity(options);
        line.pass(options, "WwdDHhRrPplBtix", TOOL.options);
        line.end_options();
    }
    if options.has('L') {
        line.begin_part("proxy-server");
        line.push("--before-tlsd");
        line.end_options();
    }
    line.begin_part("s6-tlsd");
    line.verbosity(options);
    line.pass(options, "SsJjYyZzKk", TOOL.options);
    line.end_options();
    line.identity(options)?;
    if options.has('L') {
        line.begin_part("proxy-server");
        line.push("--after-tlsd");
        line.end_options();
    }
    Ok(line.into_words())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(words: &[&str]) -> Result<String, u8> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(TOOL.options, &mut args).map_err(|e| e.code())?;
        let address = [b"::".to_vec(), b"443".to_vec()];
        let argv = command(&options, address, |n| n.as_bytes().to_vec()).map_err(|e| e.code())?;
        Ok(argv.iter().map(|w| String::from_utf8_lossy(w)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn only_the_parts_that_are_needed() {
        assert_eq!(made(&["-H"]).unwrap(), "s6-tcpserver -- :: 443 s6-tlsd --");
        assert_eq!(made(&[]).unwrap(), "s6-tcpserver -- :: 443 s6-tcpserver-access -- s6-tlsd --");
        assert_eq!(
            made(&["-1vHLU", "-c5", "-i", "rules", "-yS", "-k2", "-K", "9"]).unwrap(),
            "s6-tcpserver -1 -v -c 5 -- :: 443 s6-tcpserver-access -v2 -H -i rules -- proxy-server --before-tlsd -- \
             s6-tlsd -v2 -y -S -k 2 -K 9 -- s6-applyuidgid -Uz -- proxy-server --after-tlsd --"
        );
    }

    #[test]
    fn values_are_checked_here() {
        for bad in [["-c", "x"], ["-K", "x"], ["-u", "x"], ["-k", "x"]] {
            assert_eq!(made(&bad), Err(100), "{bad:?}");
        }
        assert_eq!(made(&["-i", "a", "-x", "b"]), Err(100));
    }
}
