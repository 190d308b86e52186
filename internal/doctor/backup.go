package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/backup"
)

// backupOld is the age of the last backup at which something is wrong, if there is one a day.
const backupOld = 36 * time.Hour

// backups is whether there is a good one that is new.
func (p *Patient) backups(ctx context.Context) []Finding {
	const name, advice = "last backup", "flagmeter backup, or look at what runs it: flagmeter" +
		" healthcheck backup; docker compose logs backup"
	where := p.Config.BackupTarget
	if where == "" {
		return one(name, Skip, "BACKUP_TARGET is not set here",
			"where backups are kept: flagmeter backup list")
	}
	target, err := backup.Open(ctx, where, backup.S3Of(p.Config))
	if err != nil {
		return unknown(name, err)
	}
	all, err := backup.List(ctx, target)
	if err != nil {
		return one(name, Fail, "BACKUP_TARGET cannot be looked at: "+err.Error(), advice)
	}
	for len(all) > 0 && all[len(all)-1].Fault != nil {
		all = all[:len(all)-1]
	}
	if len(all) == 0 {
		return one(name, Fail, "there is no good one", advice)
	}
	last := all[len(all)-1]
	text := fmt.Sprintf("%s, %s old", last.Name, p.Now().Sub(last.Taken).Round(time.Minute))
	trust, err := backup.NewTrust(p.Config.BackupVerifyKey)
	if err == nil {
		err = trust.Check(ctx, target, last.Manifest)
	}
	if err != nil {
		return one(name, Fail, last.Name+": "+err.Error(),
			"set BACKUP_SIGN_KEY where backups are made; find out who can write to BACKUP_TARGET")
	}
	if p.Now().Sub(last.Taken) > backupOld {
		return one(name, Warn, text, advice)
	}
	return ok(name, text)
}
