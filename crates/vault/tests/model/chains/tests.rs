//! Scenarios, and the rules that each of them needs.

use super::Chains;
use super::link::Link;
use crate::rule::{Rule, Rules};

/// Owner, maintenance and a hostile agent write links while a sweep runs.
const WRITING: Chains = Chains {
    rules: Rules::ALL,
    agents_count: 0,
    sweepers_count: 1,
    cycles_count: 1,
    links_count: 4,
    attacks_count: 1,
    late_manifest: true,
    links: &[Link::Delete],
};

/// A session that may use the pack of the purged point, and marks that nobody signed.
const MARKS: Chains = Chains {
    agents_count: 1,
    cycles_count: 2,
    links_count: 2,
    links: &[Link::Delete, Link::Purge],
    ..WRITING
};

no_loss! {
    links: WRITING;
    links_two_sweepers: Chains { sweepers_count: 2, ..WRITING };
    void_marks: MARKS;
    #[ignore = "a larger bound"]
    soak_links_two_attacks: Chains { cycles_count: 2, attacks_count: 2, ..WRITING };
    #[ignore = "a larger bound"]
    soak_links_of_a_new_point: Chains { links_count: 5, links: &[], ..WRITING };
    #[ignore = "a larger bound"]
    soak_void_marks_two_sweepers: Chains { sweepers_count: 2, attacks_count: 2, ..MARKS };
    #[ignore = "a larger bound"]
    soak_void_marks_and_links: Chains { links_count: 3, links: &[Link::Delete], ..MARKS };
}

controls! {
    without_link_signed: WRITING, LinkSigned;
    without_lowest_number: WRITING, LowestNumber;
    without_purge_unheld: WRITING, PurgeUnheld;
    without_purge_after_delete: WRITING, PurgeAfterDelete;
    without_no_clock_in_links: WRITING, NoClockInLinks;
    without_chain_kept: WRITING, ChainKept;
    without_mark_signed: MARKS, MarkSigned;
    without_own_pin: MARKS, OwnPin;
}
