//! Connections: ours with ours, and with openssl's; good, bad and absent certificates; ends and time-outs.
//!
//! Needs openssl (Debian's package) and root, for the test that drops privileges.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// Two authorities, a server's certificates for two names, a client's, and one that signed itself.
const CERTIFICATES: &str = r#"
authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.pem -days 30 -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE; }
signed() { # NAME KEYTYPE SUBJECT EXTENSIONS AUTHORITY
  openssl req -newkey $2 -nodes -keyout $1.key -out $1.csr -subj "$3"
  printf "$4" >$1.ext; openssl x509 -req -in $1.csr -CA $5.pem -CAkey $5.key -CAcreateserial -out $1.pem -days 30 -extfile $1.ext
}
authority ca; authority other
signed server rsa:2048 '/C=NL/O=Firm/CN=localhost' 'subjectAltName=DNS:localhost,IP:127.0.0.1' ca
signed wild rsa:2048 /CN=wild 'subjectAltName=DNS:*.example.org' ca
signed client rsa:2048 /CN=me 'extendedKeyUsage=clientAuth' ca
signed stranger rsa:2048 /CN=stranger 'extendedKeyUsage=clientAuth' other
openssl req -x509 -newkey rsa:2048 -nodes -keyout self.key -out self.pem -days 30 -subj /CN=self -addext subjectAltName=DNS:localhost
openssl x509 -in server.pem -outform der -out server.der; openssl rsa -in server.key -outform der -out server.keyder
mkdir cadir; cp ca.pem cadir; cp other.pem cadir; echo 'not one' >cadir/README; ln -s ca.pem cadir/again
"#;

/// A folder with certificates, and a PATH that finds the commands.
struct Place {
    dir: tempfile::TempDir,
    path: String,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for tool in s6_tls::TOOLS {
            symlink(env!("CARGO_BIN_EXE_s6-overlay-tls"), bin.join(tool.name)).unwrap();
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let place = Self { dir, path };
        let made = place.sh(&format!("set -e\n{CERTIFICATES}")).output().unwrap();
        assert!(made.status.success(), "openssl (package openssl): {}", text(&made.stderr));
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A shell with the folder's files as the server's and the client's.
    fn sh(&self, script: &str) -> Command {
        let mut sh = Command::new("sh");
        sh.args(["-c", script]).current_dir(self.dir.path()).stdin(Stdio::null());
        sh.env_clear().env("PATH", &self.path);
        sh.env("CAFILE", "ca.pem").env("CERTFILE", "server.pem").env("KEYFILE", "server.key");
        sh
    }

    /// A server on one connection, whose standard input and output it is.
    fn serve(&self, connection: TcpStream, script: &str) -> Child {
        let (input, output) = (OwnedFd::from(connection.try_clone().unwrap()), OwnedFd::from(connection));
        self.sh(script).stdin(input).stdout(output).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A client on one connection, which it has as descriptors 6 and 7.
    fn connect(&self, connection: TcpStream, script: &str) -> Child {
        self.sh(&format!("exec 6<&0 7>&0 </dev/null; {script}"))
            .stdin(OwnedFd::from(connection))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs a client against a server; their output and codes.
    fn meet(&self, server: &str, client: &str) -> (Output, Output) {
        let (theirs, ours) = pair();
        let (server, client) = (self.serve(theirs, server), self.connect(ours, client));
        let client = client.wait_with_output().unwrap();
        (server.wait_with_output().unwrap(), client)
    }
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, ours)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A client that says hello, ends its output, and prints what comes.
const HELLO: &str = "sh -c 'echo hello >&7; exec 7>&-; cat <&6'";

#[track_caller]
fn works(place: &Place, server: &str, client: &str, expected: &str) {
    let (server, client) = place.meet(server, client);
    let said = format!("{}{}", text(&server.stderr), text(&client.stderr));
    assert_eq!((text(&client.stdout), client.status.code()), (expected.into(), Some(0)), "{said}");
}

#[track_caller]
fn fails(place: &Place, server: &str, client: &str, code: i32, reason: &str) {
    let (_, client) = place.meet(server, client);
    assert_eq!((text(&client.stdout), client.status.code()), (String::new(), Some(code)));
    assert!(text(&client.stderr).contains(reason), "{}", text(&client.stderr));
}

#[test]
fn both_ways() {
    let place = Place::new();
    let client = format!("exec s6-tlsc -k localhost {HELLO}");
    works(&place, "exec s6-tlsd cat", &client, "hello\n");
    works(&place, "CERTFILE=server.der KEYFILE=server.keyder exec s6-tlsd cat", &client, "hello\n");
    works(&place, "exec s6-tlsd -S cat", &format!("exec s6-tlsc -S -J -k localhost {HELLO}"), "hello\n");
    works(&place, "exec s6-tlsd cat", &format!("CADIR=cadir exec s6-tlsc -k LOCALHOST. {HELLO}"), "hello\n");
    works(&place, "exec s6-tlsd cat", &format!("exec s6-tlsc -k 127.0.0.1 {HELLO}"), "hello\n");
}

#[test]
fn large_transfers_and_half_closed_connections() {
    let place = Place::new();
    fs::write(
        place.file("big"),
        (0..5_000_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect::<Vec<_>>(),
    )
    .unwrap();
    let client = r#"exec s6-tlsc -k localhost sh -c '(cat big >&7) & exec 7>&-; cmp - big <&6 && echo same'"#;
    works(&place, "exec s6-tlsd cat", client, "same\n");
    // The server answers only after the client has ended its output.
    works(&place, "exec s6-tlsd sh -c 'cat >/dev/null; cat big'", client, "same\n");
}

#[test]
fn what_the_application_learns() {
    let place = Place::new();
    let told = "env | grep -E '^(SSL|CA|CERT|KEY|TLS)' | sort";
    let (server, client) = (
        format!("exec s6-tlsd -y sh -c \"{told}; cat\""),
        format!(
            "CERTFILE=client.pem KEYFILE=client.key exec s6-tlsc -y -k localhost sh -c \"{told}; exec 7>&-; cat <&6\""
        ),
    );
    let (_, output) = place.meet(&server, &client);
    let said = text(&output.stdout);
    let hash = |file: &str| {
        let digest = place.sh(&format!("openssl x509 -in {file} -outform der | sha256sum")).output().unwrap();
        format!("SSL_PEER_CERT_HASH=SHA256:{}", text(&digest.stdout).split(' ').next().unwrap())
    };
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 10, "{said}\n{}", text(&output.stderr));
    let (of_client, of_server) = lines.split_at(5);
    assert_eq!(of_client[1], hash("server.pem"));
    assert_eq!(of_client[2], "SSL_PEER_CERT_SUBJECT=/C=NL/O=Firm/CN=localhost");
    assert_eq!(of_client[3..], ["SSL_PROTOCOL=TLSv1.3", "SSL_TLS_SNI_SERVERNAME=localhost"]);
    assert!(of_client[0].starts_with("SSL_CIPHER=TLS_"));
    assert_eq!(of_server[1], hash("client.pem"));
    assert_eq!(
        of_server[2..],
        ["SSL_PEER_CERT_SUBJECT=/CN=me", "SSL_PROTOCOL=TLSv1.3", "SSL_TLS_SNI_SERVERNAME=localhost"]
    );
    let kept = "exec s6-tlsc -Z -k localhost sh -c 'echo $CAFILE; exec 7>&-'";
    works(&place, "exec s6-tlsd cat", kept, "ca.pem\n");
}

#[test]
fn whom_a_client_trusts() {
    let place = Place::new();
    let with = |options: &str| format!("exec s6-tlsc {options} {HELLO}");
    let server = "exec s6-tlsd cat";
    fails(&place, server, &with("-k example.org"), 98, "not valid for name");
    fails(&place, server, &format!("CAFILE=other.pem {}", with("-k localhost")), 98, "UnknownIssuer");
    works(&place, server, &with(""), "hello\n");
    works(&place, server, &format!("unset CAFILE; {}", with("--no-verify-cert -k example.org")), "hello\n");
    let own = "CERTFILE=self.pem KEYFILE=self.key exec s6-tlsd cat";
    works(&place, own, &format!("CAFILE=self.pem {}", with("-k localhost")), "hello\n");
    fails(&place, own, &format!("CAFILE=self.pem {}", with("-k example.org")), 98, "not valid for name");
    fails(&place, own, &with("-k localhost"), 98, "TLS failed");
}

#[test]
fn whom_a_server_trusts() {
    let place = Place::new();
    let client = |files: &str, options: &str| format!("{files} exec s6-tlsc {options} -k localhost {HELLO}");
    let (none, me) = (client("", ""), client("CERTFILE=client.pem KEYFILE=client.key", "-y"));
    let stranger = client("CERTFILE=stranger.pem KEYFILE=stranger.key", "-y");
    let codes = |server: &str, client: &str| {
        let (server, client) = place.meet(server, client);
        (server.status.code().unwrap(), text(&client.stdout))
    };
    for server in ["exec s6-tlsd -y cat", "exec s6-tlsd -Y cat"] {
        works(&place, server, &me, "hello\n");
        assert_eq!(codes(server, &stranger), (98, String::new()));
    }
    assert_eq!(codes("exec s6-tlsd -y cat", &none), (98, String::new()));
    works(&place, "exec s6-tlsd -Y sh -c 'echo ${SSL_PEER_CERT_HASH-none}; cat'", &none, "none\nhello\n");
    works(&place, "exec s6-tlsd cat", &stranger, "hello\n");
}

#[test]
fn certificates_by_server_name() {
    let place = Place::new();
    let server = |level: u8| {
        format!(
            "exec env 'KEYFILE:*.example.org=wild.key' 'CERTFILE:*.example.org=wild.pem' s6-tlsd -k {level} sh -c 'echo ${{SSL_TLS_SNI_SERVERNAME-none}}; cat'"
        )
    };
    let client = |options: &str| format!("exec s6-tlsc {options} {HELLO}");
    works(&place, &server(1), &client("-k a.example.org"), "a.example.org\nhello\n");
    works(&place, &server(1), &client("-k localhost"), "localhost\nhello\n");
    works(&place, &server(1), &client(""), "none\nhello\n");
    works(&place, &server(2), &client("-k a.example.org"), "a.example.org\nhello\n");
    fails(&place, &server(2), &client("-k localhost"), 98, "TLS failed");
    fails(&place, &server(0), &client("-k a.example.org"), 98, "not valid for name");
    let (server, _) = place.meet("exec env -u KEYFILE -u CERTFILE s6-tlsd -k 2 cat", &client(""));
    assert_eq!(server.status.code(), Some(100));
}

#[test]
fn with_openssl() {
    let place = Place::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = format!(
            "printf 'hello\\n' | openssl s_client {version} -connect 127.0.0.1:{port} -servername localhost -CAfile ca.pem -verify_return_error -quiet"
        );
        let client = place.sh(&script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let server =
            place.serve(listener.accept().unwrap().0, "exec s6-tlsd sh -c 'read x; echo $SSL_PROTOCOL $x'");
        let output = client.wait_with_output().unwrap();
        server.wait_with_output().unwrap();
        let version = format!("TLSv{}", version[4..].replace('_', "."));
        assert_eq!(text(&output.stdout), format!("{version} hello\n"), "{}", text(&output.stderr));

        let mut server = place
            .sh(&format!("exec openssl s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error -naccept 1 -rev {}", if version == "TLSv1.2" { "-tls1_2" } else { "-tls1_3" }))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines.next().expect("openssl s_server ended").unwrap();
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                break address.rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        let connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let client = "CERTFILE=client.pem KEYFILE=client.key exec s6-tlsc -y -k localhost sh -c 'echo $SSL_PROTOCOL; echo hello >&7; read x <&6; echo $x; exec 7>&-; cat <&6'";
        let output = place.connect(connection, client).wait_with_output().unwrap();
        // OpenSSL answers the end without close_notify with an alert, which is no failure.
        assert_eq!(
            (text(&output.stdout), text(&output.stderr)),
            (format!("{version}\nolleh\n"), String::new())
        );
        drop(lines);
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

/// The relay itself between a server's options and a client's; the codes of both.
fn ends(place: &Place, server: &str, client: &str) -> (i32, i32) {
    let (theirs, ours) = pair();
    let server = place.serve(theirs, &format!("exec s6-tlsd-io {server} 8 9 8</dev/null 9>/dev/null"));
    let client = place.connect(ours, &format!("exec s6-tlsc-io {client} -k localhost 6 7 >/dev/null"));
    let client = client.wait_with_output().unwrap().status.code().unwrap();
    (server.wait_with_output().unwrap().status.code().unwrap(), client)
}

#[test]
fn ends_with_and_without_notice() {
    let place = Place::new();
    assert_eq!(ends(&place, "", ""), (0, 0));
    assert_eq!(ends(&place, "-S", "-S"), (0, 0));
    assert_eq!(ends(&place, "-S -J", "-S -J"), (0, 0));
    assert_eq!(ends(&place, "-S", "-J").1, 0);
    assert_eq!(ends(&place, "-s", "-J").1, 98);
    assert_eq!(ends(&place, "-J", "-s").0, 98);
    // What arrived is delivered first.
    assert!(place.sh("head -c 3000000 /dev/urandom >big").status().unwrap().success());
    let download = "exec s6-tlsc -J -k localhost sh -c 'cat <&6 >got; cmp big got && echo same'";
    let (_, client) = place.meet("exec s6-tlsd cat big", download);
    assert_eq!(text(&client.stdout), "same\n", "{}", text(&client.stderr));
    assert!(text(&client.stderr).contains("without close_notify"), "{}", text(&client.stderr));
    let upload = "exec s6-tlsc -s -k localhost sh -c 'exec cat big >&7'";
    let (server, _) = place.meet("exec s6-tlsd -J sh -c 'cat >had; cmp big had && echo same >&2'", upload);
    assert!(text(&server.stderr).contains("same\n"), "{}", text(&server.stderr));
    assert!(text(&server.stderr).contains("without close_notify"), "{}", text(&server.stderr));
}

#[test]
fn handshakes_that_do_not_come() {
    let place = Place::new();
    for script in ["exec s6-tlsd -K 100 cat", "exec s6-tlsd-io -K 100 0 1"] {
        let (theirs, ours) = pair();
        let output = place.serve(theirs, script).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(98), "{script}");
        assert!(text(&output.stderr).contains("took too long"));
        drop(ours);
    }
    let (theirs, ours) = pair();
    let output = place.connect(ours, "exec s6-tlsc -K 100 true").wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(98));
    drop(theirs);
    // Nonsense, and a peer that leaves.
    for (said, reason) in [("GET / HTTP/1.0\r\n\r\n", "TLS failed"), ("", "the peer left")] {
        let (theirs, mut ours) = pair();
        let server = place.serve(theirs, "exec s6-tlsd cat");
        ours.write_all(said.as_bytes()).unwrap();
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = ours.read_to_end(&mut answer);
        let output = server.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(98));
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
    }
}

#[test]
fn bad_configurations() {
    let place = Place::new();
    let code = |script: &str| {
        let mut sh = place.sh(&format!("exec 6</dev/null 7>/dev/null; {script}"));
        let output = sh.output().unwrap();
        assert!(!output.stderr.is_empty(), "{script}");
        output.status.code().unwrap()
    };
    for (script, expected) in [
        ("s6-tlsd-io", 100),
        ("s6-tlsd-io x 1", 100),
        ("s6-tlsd-io 6 77", 100),
        ("s6-tlsd-io -K x 6 7", 100),
        ("s6-tlsd -k x cat", 100),
        ("s6-tlsd", 100),
        ("s6-tlsd cat 0<&-", 100),
        ("unset KEYFILE; s6-tlsd-io 6 7", 100),
        ("KEYFILE=client.key s6-tlsd-io 6 7", 96),
        ("KEYFILE=missing s6-tlsd-io 6 7", 96),
        ("CERTFILE=server.key s6-tlsd-io 6 7", 96),
        ("KEYFILE=server.pem s6-tlsd cat", 96),
        ("CAFILE=server.key s6-tlsd -y cat", 96),
        ("unset CAFILE; s6-tlsc-io 6 7", 100),
        ("CAFILE=missing s6-tlsc true", 96),
        ("CADIR=bin s6-tlsc true", 96),
        ("CADIR=missing s6-tlsc true", 96),
        ("s6-tlsc -k 'a b' true", 100),
        ("s6-tlsc -6 1 true", 100),
        ("s6-tlsc -y true; KEYFILE=missing s6-tlsc -y true", 96),
        ("TLS_UID=x s6-tlsc true", 100),
    ] {
        assert_eq!(code(script), expected, "{script}");
    }
}

/// Messages that say what to change, at the start of a server, too.
#[test]
fn unusable_keys_and_certificates_are_explained() {
    let place = Place::new();
    let prepare = "openssl pkey -in server.key -aes256 -passout pass:x -out encrypted.key
        openssl rsa -in server.key -aes256 -passout pass:x -traditional -out encrypted1.key
        openssl ecparam -name secp521r1 -genkey -noout | openssl pkey -out p521.key
        cat ca.pem server.pem >reversed.pem; (printf '\\357\\273\\277'; cat server.pem ca.pem) >marked.pem";
    assert!(place.sh(prepare).status().unwrap().success());
    for (vars, reason) in [
        ("KEYFILE=encrypted.key", "the private key in encrypted.key is encrypted: remove its passphrase"),
        ("KEYFILE=encrypted1.key", "the private key in encrypted1.key is encrypted: remove its passphrase"),
        ("KEYFILE=p521.key", "the private key in p521.key is damaged or of an unsupported kind"),
        (
            "KEYFILE=client.key",
            "the first certificate in server.pem isn't the one of the private key in client.key",
        ),
        ("CERTFILE=reversed.pem", "the first certificate in reversed.pem isn't the one of the private key"),
    ] {
        for tool in ["s6-tlsd cat", "s6-tlsserver -H 127.0.0.1 0 cat"] {
            let output = place.sh(&format!("{vars} exec {tool}")).output().unwrap();
            assert_eq!(output.status.code(), Some(96), "{vars} {tool}");
            assert!(text(&output.stderr).contains(reason), "{vars} {tool}: {}", text(&output.stderr));
        }
    }
    works(
        &place,
        "CERTFILE=marked.pem exec s6-tlsd cat",
        &format!("exec s6-tlsc -k localhost {HELLO}"),
        "hello\n",
    );
    let (_, client) = place.meet(
        "CERTFILE=other.pem KEYFILE=other.key exec s6-tlsd cat",
        &format!("exec s6-tlsc -k localhost {HELLO}"),
    );
    let said = text(&client.stderr);
    assert!(said.contains("invalid peer certificate: it is self-signed or an authority's"), "{said}");
}

#[test]
fn the_relay_has_no_privileges() {
    let place = Place::new();
    // The relay is the application's child.
    let ids = r#"for p in /proc/[0-9]*; do grep -qs "^PPid:.$$\$" $p/status && grep -q tls. $p/comm && grep -E "^(Uid|Gid|Groups)" $p/status; done; grep Uid /proc/self/status"#;
    fs::write(place.file("ids"), ids).unwrap();
    // Only root can read the key.
    let server = "chmod 600 server.key; TLS_UID=1234 TLS_GID=5678 exec s6-tlsd sh ./ids";
    let (_, client) = place.meet(server, &format!("exec s6-tlsc -k localhost {HELLO}"));
    let said = text(&client.stdout).replace('\t', " ").replace(" \n", "\n");
    assert_eq!(
        said, "Uid: 1234 1234 1234 1234\nGid: 5678 5678 5678 5678\nGroups: 5678\nUid: 0 0 0 0\n",
        "this test needs root"
    );
}

#[test]
fn on_demand() {
    let place = Place::new();
    let server = r#"exec s6-ucspitlsd sh -c 'echo in clear; read go; printf Y >&$SSLCTLFD; tr "\0" "\n" <&$SSLCTLFD | grep PROTOCOL >&$SSLWRITEFD; cat <&$SSLREADFD >&$SSLWRITEFD; echo "${KEYFILE-clean}" >&$SSLWRITEFD'"#;
    let client = r#"exec s6-ucspitlsc -k localhost sh -c 'read x <&6; echo "$x"; echo go >&7; printf y >&$SSLCTLFD; echo hello >&$SSLWRITEFD; eval "exec $SSLWRITEFD>&-"; cat <&$SSLREADFD'"#;
    works(&place, server, client, "in clear\nSSL_PROTOCOL=TLSv1.3\nhello\nclean\n");
    // Nobody asks.
    works(&place, "exec s6-ucspitlsd echo plain", "exec s6-ucspitlsc cat <&6", "plain\n");
}
