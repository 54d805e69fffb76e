//! Debian's fd holder and s6-sudo, and ours, on each other's sockets.
//!
//! One script runs with every pair of client and server and prints the same with each: Debian's with Debian's proves
//! that this is right.

use crate::debian::{OURS, THEIRS, both_sides};
use crate::{Images, Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("descriptors::its_tools_on_its_servers", |images| play(images, THEIRS, THEIRS)),
    ("descriptors::its_tools_on_our_servers", |images| play(images, THEIRS, OURS)),
    ("descriptors::our_tools_on_its_servers", |images| play(images, OURS, THEIRS)),
    ("descriptors::our_tools_on_our_servers", |images| play(images, OURS, OURS)),
];

/// Debian's version puts more descriptors into a message than Linux passes, so a dump has fewer than 254 here.
const PLAY: &str = r#"#!/bin/sh
# TOOLS, SERVER: where the programs of either side are.
PATH=$SERVER:/usr/bin:/bin
mkdir /tmp/play; cd /tmp/play
mkdir -p rules/uid/0/env none/uid/0/env; : >rules/uid/0/allow; : >none/uid/0/allow
for i in STORE_REGEX RETRIEVE_REGEX LIST GETDUMP SETDUMP; do echo >rules/uid/0/env/S6_FDHOLDER_$i; done
ready() { mkfifo r; "$@" >r 2>>errors & read x <r; rm r; }
ready s6-fdholder-daemon -1 -i rules one; ready s6-fdholder-daemon -1 -i rules two
ready s6-fdholder-daemon -1 -i none three
ready env EMPTY= FULL=server s6-ipcserver -1 sudo s6-sudod sh -c 'echo "$EMPTY $FULL $NEW $*"; cat; echo error >&2; exit 7' sh
ready s6-ipcserver -1 any s6-sudod
PATH=$TOOLS:/usr/bin:/bin
echo content >file
echo '# hold'
s6-fdholder-store one a <file; echo $?
s6-fdholder-store one a <file 2>&-; echo $?
s6-fdholder-store -T 100000 -d 7 one b 7<file; echo $?
s6-fdholder-list one
s6-fdholder-retrieve one a cat; echo $?
s6-fdholder-retrieve one none cat 2>&-; echo $?
s6-fdholder-delete one none 2>&-; echo $?
echo '# without rights'
for i in 'list three' 'store three x' 'retrieve three x true' 'delete three x' 'getdump three true'; do
  s6-fdholder-$i 2>&- <file; echo $?
done
echo '# dumps'
s6-fdholder-getdump one sh -c 'env | grep -c ^S6_FD; echo $S6_FDID_1 $S6_FDLIMIT_1 | cut -c 1-11'
i=0; while [ $i -lt 200 ]; do s6-fdholder-store one many$i <file || echo failed; i=$((i+1)); done
s6-fdholder-transferdump one two; echo $?
s6-fdholder-list two | wc -l
s6-fdholder-getdump one s6-fdholder-setdump two; echo $?
s6-fdholder-list two | wc -l
s6-fdholder-retrieve -D two many7 cat; s6-fdholder-delete two many8; echo $?
s6-fdholder-list two | grep -c many
echo '# sudo'
echo input | EMPTY=client FULL=client NEW=client s6-sudo sudo 'a b' '' c 2>err; echo $?; cat err
s6-sudo -e sudo x </dev/null 2>&-; echo $?
(s6-sudo any sh -c 'kill -TERM $$'; echo $?) 2>&-
s6-sudo any nosuchprogram 2>&-; echo $?; exit 0
"#;

/// What it prints with each pair.
const SAID: &str = "\
# hold
0
1
0
a
b
content
0
1
1
# without rights
1
1
1
1
1
# dumps
5
b @40000000
0
202
0
202
content
0
198
# sudo
client server  a b  c
input
7
error
 server  x
7
143
111
";

fn play(images: &Images, tools: &str, server: &str) -> Outcome {
    both_sides(images, PLAY, &[("TOOLS", tools), ("SERVER", server)], SAID)
}
