//! A program that can be nothing but the sandbox's helper, for the tests of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    tripos_runners::sandbox::helper_main()
}
