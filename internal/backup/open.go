package backup

import (
	"errors"
	"strings"
)

// Open returns the target of that name: the path of a directory, which is made if it does not
// exist.
func Open(where string) (Target, error) {
	if where == "" {
		return nil, errors.New("say where backups are kept: --to DIR, or BACKUP_TARGET")
	}
	if strings.Contains(where, "://") {
		return nil, errors.New("backups are kept in a directory")
	}
	return newDirectory(where)
}
