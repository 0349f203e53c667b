//! `/etc/passwd`, `/etc/group` and `/etc/shadow`.

use crate::facts::{Account, Accounts, Group, PasswordHash};

/// Lines that are none are passed over: the system does the same.
pub(crate) fn parse(passwd: &str, group: &str, shadow: Option<&str>) -> Accounts {
    let mut accounts = Accounts::default();
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, comment, home, shell] = fields.as_slice() else {
            continue;
        };
        let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else {
            continue;
        };
        let account = Account {
            uid,
            gid,
            comment: (*comment).to_owned(),
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
            password: None,
        };
        accounts.users.insert((*name).to_owned(), account);
    }
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields.as_slice() else {
            continue;
        };
        let Ok(gid) = gid.parse() else {
            continue;
        };
        let members = members.split(',').filter(|member| !member.is_empty());
        let group = Group {
            gid,
            members: members.map(str::to_owned).collect(),
        };
        accounts.groups.insert((*name).to_owned(), group);
    }
    for line in shadow.unwrap_or_default().lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(hash)) = (fields.next(), fields.next())
            && let Some(account) = accounts.users.get_mut(name)
        {
            account.password = Some(PasswordHash::new(hash));
        }
    }
    accounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n+nis\nhalf:x:7\nme:x:1000:1000:Me,,,:/home/me:/bin/sh\n";
        let group = "root:x:0:\nsudo:x:27:me,you\nbad:x:many:\n";
        let accounts = parse(
            passwd,
            group,
            Some("root:*:1::\nme:$y$hash:1::\nother:!:\n"),
        );
        let names: Vec<&String> = accounts.users.keys().collect();
        assert_eq!(names, ["me", "root"]);
        let me = &accounts.users["me"];
        assert_eq!((me.uid, me.home.as_str()), (1000, "/home/me"));
        assert!(me.password.as_ref().unwrap().is_usable());
        assert!(
            !accounts.users["root"]
                .password
                .as_ref()
                .unwrap()
                .is_usable()
        );
        assert_eq!(accounts.groups.len(), 2);
        assert!(accounts.groups["sudo"].members.contains("you"));
        assert!(!format!("{accounts:?}").contains("hash"), "never shown");
    }
}
