//! Reads any text as what an image is started with: a Dockerfile, the output of docker inspect, an image's configuration.
#![no_main]

use dev::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(config) = Config::read(text) {
        assert!(config.is_known);
        for (name, value) in &config.env {
            let found = config.variable(name).map(str::len);
            assert!(found.is_some() || value.is_empty());
        }
    }
    let _ = Config::of_image(text);
});
