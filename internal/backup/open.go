package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Open returns the target of that name: the path of a directory, which the first backup
// makes if it does not exist, or s3://bucket/prefix of a bucket that does.
func Open(ctx context.Context, where string, s S3) (Target, error) {
	scheme, _, isURL := strings.Cut(where, "://")
	switch {
	case where == "":
		return nil, errors.New(
			"say where backups are kept: BACKUP_TARGET, or the flag --to (--from for restore and list)")
	case scheme == "s3" && isURL:
		return newBucket(ctx, where, s)
	case isURL:
		return nil,
			fmt.Errorf("backups are kept in a directory or at s3://bucket/prefix, not at %s://", scheme)
	}
	return directory{where}, nil
}
