//! Which uids cells run under where this program is root: a block for each sandbox, nobody else's.
//!
//! Limits on processes are counted by uid, so two sandboxes that shared one would starve each other. A
//! block is held by a name in the abstract socket namespace, which goes away with its holder.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

/// The first uid of the first block. From here to 99,999 distributions hand out none.
const FIRST: u32 = 66_000;
/// Uids in a block: two for each slot.
const BLOCK: u32 = 1_024;
/// How many blocks there are.
const BLOCKS: u32 = 32;

/// A block of uids, held until it is dropped.
#[derive(Debug)]
pub(super) struct Uids {
    first: u32,
    _name: UnixListener,
}

impl Uids {
    /// Takes a free block.
    pub(super) fn take() -> io::Result<Self> {
        for block in 0..BLOCKS {
            let address = SocketAddr::from_abstract_name(format!("tripos-uids-{block}"))?;
            match UnixListener::bind_addr(&address) {
                Ok(name) => return Ok(Self { first: FIRST + block * BLOCK, _name: name }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(format!("{BLOCKS} sandboxes are open already")))
    }

    /// The uid with this number in the block.
    pub(super) fn get(&self, number: u32) -> u32 {
        self.first + number % BLOCK
    }
}

/// Says whether this program is root and may become any of these uids: in a user namespace of a few
/// uids it looks like root and may not.
pub(super) fn can_drop() -> bool {
    let covers = |line: &str| {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        let (Some(first), Some(count)) = (first, count) else { return false };
        first == 0 && count > u64::from(FIRST + BLOCK * BLOCKS)
    };
    let map = |name| std::fs::read_to_string(name).is_ok_and(|text| text.lines().any(covers));
    nix::unistd::Uid::effective().is_root()
        && map("/proc/self/uid_map")
        && map("/proc/self/gid_map")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_held_once_and_given_back() {
        let (one, other) = (Uids::take().expect("a block"), Uids::take().expect("another"));
        assert!(one.get(0).abs_diff(other.get(0)) >= BLOCK);
        assert_ne!(one.get(0), one.get(BLOCK - 1));
    }
}
