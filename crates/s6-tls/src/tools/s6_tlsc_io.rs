//! `s6-tlsc-io`: a relay between a local program and a TLS server.

use crate::client::{
    self, CERTIFICATE, ClientSettings, NO_CERTIFICATE, NO_VERIFICATION, NO_VERIFY_CERT, SERVER_NAME,
};
use crate::session::{
    ACCEPT_TRUNCATION, NO_CLOSE_NOTIFY, NOTIFICATION, REQUIRE_CLOSE_NOTIFY, SEND_CLOSE_NOTIFY, Session,
    TIMEOUT, VERBOSITY,
};
use std::sync::Arc;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsc-io",
    summary: "relay between a local program and a TLS server",
    operands: "fdr fdw",
    options: &[
        SEND_CLOSE_NOTIFY,
        NO_CLOSE_NOTIFY,
        REQUIRE_CLOSE_NOTIFY,
        ACCEPT_TRUNCATION,
        NO_CERTIFICATE,
        CERTIFICATE,
        VERBOSITY,
        TIMEOUT,
        SERVER_NAME,
        NOTIFICATION,
        NO_VERIFICATION,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let session = Session::new(call, &options)?;
    let settings = ClientSettings {
        server_name: options.get('k'),
        sends_certificate: options.last_of("yY") == Some('y'),
        accepts_any_server: options.has(NO_VERIFY_CERT),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = client::connection(&call.env, &settings, &provider)?;
    session.run(&call.env, tls.into(), settings.server_name, &provider)
}
