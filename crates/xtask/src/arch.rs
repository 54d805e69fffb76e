//! The architectures that releases are made for.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Arch {
    /// What the reference calls it in its tarballs' names.
    pub name: &'static str,
    /// Other names of the tarballs: what a Dockerfile makes of TARGETARCH and TARGETVARIANT, and the reference's name
    /// for what runs there.
    pub aliases: &'static [&'static str],
    /// rustc's name for it.
    pub target: &'static str,
    /// The standard library's name for it, which is what `uname -m` prints on such a machine.
    machine: &'static str,
    /// Where musl comes from.
    pub musl: Musl,
    /// The end of the name of qemu's emulator.
    qemu: &'static str,
    /// Class and machine in the header of its programs, elf(5).
    pub elf: (u8, u16),
    /// The platforms of a wheel with a static program, as pip names them.
    pub wheel: &'static str,
    /// What npm calls it.
    pub npm: &'static str,
    /// What Debian calls it.
    pub debian: &'static str,
    /// What Alpine calls it.
    pub alpine: &'static str,
}

/// Where the C library comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Musl {
    /// Debian's musl-dev.
    Package {
        /// The folder of the package below /usr/lib.
        folder: &'static str,
    },
    /// Debian's sources of musl: its release has no packages for this one.
    Source {
        /// The C compiler, and what it puts before the names of its other tools.
        compiler: &'static str,
        /// The package that the compiler is in.
        package: &'static str,
        /// What it is told about the machine.
        flags: &'static str,
    },
}

/// All of them, this program's home first.
pub const ALL: &[Arch] = &[
    Arch {
        name: "x86_64",
        aliases: &["amd64"],
        target: "x86_64-unknown-linux-musl",
        machine: "x86_64",
        musl: Musl::Package { folder: "x86_64-linux-musl" },
        qemu: "x86_64",
        elf: (2, 62),
        wheel: "manylinux2014_x86_64.manylinux_2_17_x86_64.musllinux_1_1_x86_64",
        npm: "x64",
        debian: "amd64",
        alpine: "x86_64",
    },
    Arch {
        name: "aarch64",
        aliases: &["arm64"],
        target: "aarch64-unknown-linux-musl",
        machine: "aarch64",
        musl: Musl::Package { folder: "aarch64-linux-musl" },
        qemu: "aarch64",
        elf: (2, 183),
        wheel: "manylinux2014_aarch64.manylinux_2_17_aarch64.musllinux_1_1_aarch64",
        npm: "arm64",
        debian: "arm64",
        alpine: "aarch64",
    },
    Arch {
        name: "armhf",
        // The reference sends users of arm/v7 to `arm`.
        aliases: &["arm", "armv6", "armv7"],
        target: "arm-unknown-linux-musleabihf",
        machine: "arm",
        // Debian's packages need ARMv7.
        musl: Musl::Source {
            compiler: "arm-linux-gnueabihf-gcc",
            package: "gcc-arm-linux-gnueabihf",
            flags: "-march=armv6 -mfpu=vfp -mfloat-abi=hard -marm",
        },
        qemu: "arm",
        elf: (1, 40),
        wheel: "linux_armv6l.manylinux2014_armv7l.manylinux_2_17_armv7l.musllinux_1_1_armv7l",
        npm: "arm",
        debian: "armhf",
        alpine: "armhf",
    },
    Arch {
        name: "i686",
        aliases: &["386"],
        target: "i686-unknown-linux-musl",
        machine: "x86",
        musl: Musl::Package { folder: "i386-linux-musl" },
        qemu: "i386",
        elf: (1, 3),
        wheel: "manylinux2014_i686.manylinux_2_17_i686.musllinux_1_1_i686",
        npm: "ia32",
        debian: "i386",
        alpine: "x86",
    },
    Arch {
        name: "riscv64",
        aliases: &[],
        target: "riscv64gc-unknown-linux-musl",
        machine: "riscv64",
        musl: Musl::Source { compiler: "riscv64-linux-gnu-gcc", package: "gcc-riscv64-linux-gnu", flags: "" },
        qemu: "riscv64",
        elf: (2, 243),
        wheel: "manylinux_2_31_riscv64.musllinux_1_2_riscv64",
        npm: "riscv64",
        debian: "riscv64",
        alpine: "riscv64",
    },
];

impl Arch {
    /// This machine's.
    pub fn host() -> Result<&'static Self, Failure> {
        let machine = std::env::consts::ARCH;
        ALL.iter()
            .find(|arch| arch.machine == machine)
            .ok_or_else(|| Failure(format!("no release is made for {machine}")))
    }

    /// Whether this machine is of that kind.
    pub fn is_host(&self) -> bool {
        self.machine == std::env::consts::ARCH
    }

    /// Whether this machine runs its programs: an x86_64 one those of its 32-bit ancestor, too.
    pub fn runs_here(&self) -> bool {
        self.is_host() || (self.machine, std::env::consts::ARCH) == ("x86", "x86_64")
    }

    /// A command that runs `program` of this architecture on this machine, by emulation where there is no other way.
    pub fn command(&self, program: &std::path::Path) -> Result<Command, Failure> {
        if self.runs_here() {
            return Ok(Command::new(program));
        }
        let mut command = Command::new(self.emulator()?);
        command.arg(program);
        Ok(command)
    }

    /// Whether its programs can't run here for want of the emulator.
    pub fn emulator_is_missing(&self) -> bool {
        !self.runs_here() && self.emulator().is_err()
    }

    /// qemu's emulator of a process.
    pub fn emulator(&self) -> Result<PathBuf, Failure> {
        let place = PathBuf::from(format!("/usr/bin/qemu-{}-static", self.qemu));
        match place.exists() {
            true => Ok(place),
            false => Err(Failure(format!("no {}: apt-get install qemu-user-static", place.display()))),
        }
    }
}

/// The one of that name, alias or target: for clap.
pub fn named(name: &str) -> Result<&'static Arch, String> {
    let of_name = |arch: &&Arch| arch.name == name || arch.target == name || arch.aliases.contains(&name);
    ALL.iter().find(of_name).ok_or_else(|| {
        format!("releases are made for {}", ALL.iter().map(|arch| arch.name).collect::<Vec<_>>().join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_architecture_and_no_name_to_two() {
        let mut seen = std::collections::BTreeSet::new();
        for arch in ALL {
            for name in arch.aliases.iter().chain([&arch.name, &arch.target]) {
                assert_eq!(named(name), Ok(arch));
                assert!(seen.insert(*name), "{name}");
            }
        }
        assert!(named("vax").unwrap_err().contains("x86_64, aarch64"));
    }

    #[test]
    fn docker_s_platforms_have_tarballs() {
        // TARGETARCH and TARGETVARIANT, one after the other.
        for (platform, name) in [
            ("amd64", "x86_64"),
            ("arm64", "aarch64"),
            ("armv6", "armhf"),
            ("armv7", "armhf"),
            ("386", "i686"),
            ("riscv64", "riscv64"),
        ] {
            assert_eq!(named(platform).unwrap().name, name);
        }
    }
}
