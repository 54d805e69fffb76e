//! `s6-tlsclient`: a TLS client, assembled from its parts.

use crate::client::{CERTIFICATE, NO_CERTIFICATE, NO_VERIFICATION, NO_VERIFY_CERT};
use crate::launch::{CLEAN, KEEP};
use crate::session::{ACCEPT_TRUNCATION, NO_CLOSE_NOTIFY, REQUIRE_CLOSE_NOTIFY, SEND_CLOSE_NOTIFY, TIMEOUT};
use ipc::command_line::CommandLine;
use ipc::server_options::{NORMALLY_VERBOSE, QUIET, VERBOSE};
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsclient",
    summary: "run a program on a TLS connection to a TCP port",
    operands: "host port prog...",
    options: &[
        QUIET.long("quiet"),
        NORMALLY_VERBOSE.long("normally-verbose"),
        VERBOSE.long("verbose"),
        Opt::flag('4', "only IPv4").long("ipv4"),
        Opt::flag('6', "only IPv6").long("ipv6"),
        Opt::flag('d', "let the kernel collect small writes (default)").long("nagle"),
        Opt::flag('D', "send each write at once (TCP_NODELAY)").long("no-nagle"),
        Opt::flag('r', "ask the server's host for the user, by IDENT").long("ident"),
        Opt::flag('R', "don't use IDENT (default)").long("no-ident"),
        Opt::flag('h', "search /etc/hosts before the DNS").long("hosts"),
        Opt::flag('H', "no look-ups; the server's name is only checked with -k").long("no-dns"),
        Opt::flag('n', "try the suffixes of resolv.conf").long("qualify"),
        Opt::flag('N', "don't try suffixes (default)").long("no-qualify"),
        Opt::value('t', "timeout", "fail if there is no connection after this many seconds").long("timeout"),
        Opt::value('l', "localname", "the value of TCPLOCALHOST").long("local-name"),
        Opt::value('T', "x+y", "give each address x seconds first, then y").long("connection-timeouts"),
        Opt::value('i', "localip", "the local address").long("local-ip"),
        Opt::value('p', "localport", "the local port").long("local-port"),
        SEND_CLOSE_NOTIFY,
        NO_CLOSE_NOTIFY,
        REQUIRE_CLOSE_NOTIFY,
        ACCEPT_TRUNCATION,
        NO_CERTIFICATE,
        CERTIFICATE,
        KEEP,
        CLEAN,
        Opt::value('k', "servername", "the name that the server must have; default host").long("servername"),
        TIMEOUT,
        NO_VERIFICATION,
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (host, port) = (call.shift()?, call.shift()?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut argv = command(&options, host, port, tool::tool_file)?;
    argv.extend(call.take_args());
    let env = call.take_env();
    Next::run(argv, env)
}

/// The command line without the program at its end.
fn command(
    options: &Options,
    host: Vec<u8>,
    port: Vec<u8>,
    file: fn(&str) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>, Fatal> {
    options.number::<u32>('K')?;
    let mut line = CommandLine::new(file);
    line.begin_part("s6-tcpclient");
    line.pass(options, "qQv46dDrRhHnNtlTip", TOOL.options);
    line.end_options();
    line.push(host.as_slice());
    line.push(port);
    line.begin_part("s6-tlsc");
    line.pass(options, "SsJjYyZzK", TOOL.options);
    if options.has(NO_VERIFY_CERT) {
        line.push("--no-verify-cert");
    }
    if let Some(name) = options.get('k').map(<[u8]>::to_vec).or_else(|| (!options.has('H')).then_some(host)) {
        line.push("-k");
        line.push(name);
    }
    line.end_options();
    Ok(line.into_words())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(words: &[&str]) -> Result<String, u8> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(TOOL.options, &mut args).map_err(|e| e.code())?;
        let argv = command(&options, b"host".to_vec(), b"443".to_vec(), |n| n.as_bytes().to_vec());
        let argv = argv.map_err(|e| e.code())?;
        Ok(argv.iter().map(|w| String::from_utf8_lossy(w)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn each_part_gets_its_options() {
        assert_eq!(made(&[]).unwrap(), "s6-tcpclient -- host 443 s6-tlsc -k host --");
        assert_eq!(made(&["-H"]).unwrap(), "s6-tcpclient -H -- host 443 s6-tlsc --");
        assert_eq!(
            made(&["-vDy", "-T1+2", "-l", "me", "-SJ", "-K", "500", "-k", "name", "--no-verify-cert"])
                .unwrap(),
            "s6-tcpclient -v -D -T 1+2 -l me -- host 443 s6-tlsc -y -S -J -K 500 --no-verify-cert -k name --"
        );
        assert_eq!(made(&["-Kx"]), Err(100));
    }
}
