//! `s6-tlsc-io`: a relay between a local program and a TLS server.

use crate::client::{self, ANY_SERVER, BELIEVE, CERTIFICATE, NO_CERTIFICATE, SERVER_NAME, Wishes};
use crate::session::{J, NO_J, NO_S, NOTIFICATION, S, Session, TIMEOUT, VERBOSITY};
use std::sync::Arc;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsc-io",
    summary: "relay between a local program and a TLS server",
    operands: "fdr fdw",
    options: &[
        S,
        NO_S,
        J,
        NO_J,
        NO_CERTIFICATE,
        CERTIFICATE,
        VERBOSITY,
        TIMEOUT,
        SERVER_NAME,
        NOTIFICATION,
        ANY_SERVER,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let session = Session::new(call, &options)?;
    let wishes = Wishes {
        server_name: options.get('k'),
        with_certificate: options.last_of("yY") == Some('y'),
        believes: options.has(BELIEVE),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = client::connection(&call.env, &wishes, &provider)?;
    session.run(&call.env, tls.into(), wishes.server_name, &provider)
}
