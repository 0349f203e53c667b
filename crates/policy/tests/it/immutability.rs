//! What immutable vaults refuse, PINs and approvals.

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_policy::immutability::{
    Approval, ApprovalFlaw, ApprovalNeed, ApprovalPeople, GuardedOperation, Immutability,
    Judgement, PinState, Refusal, approval_need, needs_pin, pin_state,
};

fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

#[test]
fn only_a_lock_is_for_ever_and_only_what_is_on_can_be_locked() {
    use Immutability::{Locked, Off, On};
    let allowed = [
        (Off, Off),
        (Off, On),
        (On, Off),
        (On, On),
        (On, Locked),
        (Locked, Locked),
    ];
    for from in [Off, On, Locked] {
        for to in [Off, On, Locked] {
            assert_eq!(
                from.can_become(to),
                allowed.contains(&(from, to)),
                "{from:?} {to:?}"
            );
        }
    }
}

#[test]
fn what_loses_points_is_refused_and_the_rest_is_not() {
    use GuardedOperation as Op;
    let refused = [
        (
            Op::StopAndDelete {
                unexpired_points_count: 1,
            },
            Refusal::PointsUnexpired,
        ),
        (
            Op::DeletePoint { is_expired: false },
            Refusal::PointsUnexpired,
        ),
        (Op::ShortenRetention, Refusal::RetentionShortened),
        (Op::ReplaceByShorterPolicy, Refusal::RetentionShortened),
    ];
    let allowed = [
        Op::StopAndDelete {
            unexpired_points_count: 0,
        },
        Op::DeletePoint { is_expired: true },
        Op::StopAndRetain,
        Op::ExtendRetention,
        Op::ChangeSchedule,
        Op::ChangeFiles,
    ];
    for state in [Immutability::On, Immutability::Locked] {
        for (operation, refusal) in refused {
            assert_eq!(state.judge(operation), Judgement::Refused(refusal));
            assert_eq!(Immutability::Off.judge(operation), Judgement::Allowed);
        }
        for operation in allowed {
            assert_eq!(state.judge(operation), Judgement::Allowed);
        }
    }
    let disable = Op::DisableImmutability;
    assert_eq!(Immutability::On.judge(disable), Judgement::Allowed);
    assert_eq!(
        Immutability::Locked.judge(disable),
        Judgement::Refused(Refusal::Locked)
    );
}

#[test]
fn a_pin_is_valid_for_five_minutes() {
    let made = noon();
    assert_eq!(pin_state(made, made), PinState::Valid);
    assert_eq!(
        pin_state(made, made + TimeDelta::minutes(5)),
        PinState::Valid
    );
    let late = made + TimeDelta::minutes(5) + TimeDelta::milliseconds(1);
    assert_eq!(pin_state(made, late), PinState::Expired);
    assert_eq!(
        pin_state(made, made - TimeDelta::seconds(1)),
        PinState::NotYetValid
    );
    assert!(needs_pin(GuardedOperation::ChangePassphrase));
    assert!(needs_pin(GuardedOperation::StopAndDelete {
        unexpired_points_count: 3
    }));
    assert!(!needs_pin(GuardedOperation::StopAndRetain));
}

#[test]
fn guards_themselves_always_need_a_second_person() {
    use GuardedOperation as Op;
    for operation in [
        Op::DisableSoftDelete,
        Op::DisableApproval,
        Op::DisableImmutability,
    ] {
        assert_eq!(approval_need(operation), ApprovalNeed::Always);
    }
    for operation in [
        Op::ShortenRetention,
        Op::ShortenProtection,
        Op::ChangePassphrase,
    ] {
        assert_eq!(approval_need(operation), ApprovalNeed::UnlessExempted);
    }
    assert_eq!(approval_need(Op::ExtendRetention), ApprovalNeed::Never);
}

#[test]
fn an_approval_is_of_another_person_for_one_operation_and_a_time() {
    let approval = |by: &str| {
        let people = ApprovalPeople {
            requested_by: "ann".to_owned(),
            approved_by: by.to_owned(),
        };
        let operation = GuardedOperation::StopAndDelete {
            unexpired_points_count: 3,
        };
        Approval::new(people, operation, noon(), 60)
    };
    let operation = GuardedOperation::StopAndDelete {
        unexpired_points_count: 4,
    };
    let check = |by: &str, person: &str, operation, now| approval(by).check(person, operation, now);
    let end = noon() + TimeDelta::minutes(60);
    assert_eq!(check("bob", "ann", operation, noon()), Ok(()));
    assert_eq!(
        check("bob", "ann", operation, end - TimeDelta::seconds(1)),
        Ok(())
    );
    assert_eq!(
        check("bob", "ann", operation, end),
        Err(ApprovalFlaw::OutOfTime)
    );
    let early = noon() - TimeDelta::seconds(1);
    assert_eq!(
        check("bob", "ann", operation, early),
        Err(ApprovalFlaw::OutOfTime)
    );
    assert_eq!(
        check("ann", "ann", operation, noon()),
        Err(ApprovalFlaw::SamePerson)
    );
    assert_eq!(
        check("bob", "bob", operation, noon()),
        Err(ApprovalFlaw::SamePerson)
    );
    assert_eq!(
        check("bob", "eve", operation, noon()),
        Err(ApprovalFlaw::OtherOperation)
    );
    let other = GuardedOperation::ChangePassphrase;
    assert_eq!(
        check("bob", "ann", other, noon()),
        Err(ApprovalFlaw::OtherOperation)
    );
}
