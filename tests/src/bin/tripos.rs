//! The product's binary under another name, so that the tests can find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tripos::cli::main()
}
