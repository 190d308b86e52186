package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// S3 is how an S3-compatible store is reached.
type S3 struct {
	// Endpoint is its URL, without bucket and path.
	Endpoint string
	// Region may be empty: the store is asked.
	Region string
	// AccessKey and SecretKey may be empty: then they come from the environment (AWS_…), the
	// file of AWS' own programs, or the machine's role.
	AccessKey, SecretKey string
}

// S3Of is what the settings say of it.
func S3Of(c config.Config) S3 {
	return S3{Endpoint: c.BackupS3Endpoint, Region: c.BackupS3Region,
		AccessKey: string(c.BackupS3AccessKey), SecretKey: string(c.BackupS3SecretKey)}
}

// bucket is a target in an S3-compatible store. An object is there whole or not at all.
type bucket struct {
	client       *minio.Client
	name, prefix string // the prefix is empty or ends with a slash
}

// partSize is that of a part of an upload, and what it takes in memory: 10,000 of them, the most
// that S3 allows, are 156 GiB.
const partSize = 16 << 20

// newBucket prepares the target at s3://bucket/prefix and makes sure that the bucket exists.
func newBucket(ctx context.Context, where string, s S3) (bucket, error) {
	u, err := url.Parse(where)
	if err != nil || u.Host == "" {
		return bucket{}, fmt.Errorf("the target must look like s3://bucket/prefix, not %q", where)
	}
	endpoint, err := url.Parse(cmp.Or(s.Endpoint, "https://s3.amazonaws.com"))
	if err != nil || endpoint.Host == "" {
		return bucket{}, fmt.Errorf("BACKUP_S3_ENDPOINT must be a URL, not %q", s.Endpoint)
	}
	who := credentials.NewStaticV4(s.AccessKey, s.SecretKey, "")
	if s.AccessKey == "" {
		who = credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{},
			&credentials.FileAWSCredentials{},
			&credentials.IAM{Client: &http.Client{Transport: http.DefaultTransport}}})
	}
	client, err := minio.New(endpoint.Host,
		&minio.Options{Creds: who, Secure: endpoint.Scheme == "https", Region: s.Region})
	if err != nil {
		return bucket{}, fmt.Errorf("prepare S3: %w", err)
	}
	b := bucket{client: client, name: u.Host}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		b.prefix = prefix + "/"
	}
	there, err := client.BucketExists(ctx, b.name)
	if err != nil {
		return bucket{}, fmt.Errorf("look for bucket %s: %w", b.name, err)
	}
	if !there {
		return bucket{}, fmt.Errorf("bucket %s does not exist", b.name)
	}
	return b, nil
}

func (b bucket) String() string { return "s3://" + b.name + "/" + b.prefix }

// options are those that every S3-compatible store knows: each part has its MD5, and none is sent
// in signed chunks. What comes back is held against the manifest's SHA-256 anyway.
var options = minio.PutObjectOptions{PartSize: partSize, ContentType: "application/octet-stream",
	SendContentMd5: true, DisableContentSha256: true}

// Put uploads in parts, which the store puts together at the end.
func (b bucket) Put(ctx context.Context, name string, r io.Reader) error {
	if _, err := b.client.PutObject(ctx, b.name, b.prefix+name, opaque{r}, -1, options); err != nil {
		return fmt.Errorf("upload %s: %w", name, err)
	}
	return nil
}

// opaque hides what kind of error ends a reader early: the client takes io.ErrUnexpectedEOF for
// the end, and would store what came before it.
type opaque struct{ io.Reader }

func (o opaque) Read(b []byte) (int, error) {
	n, err := o.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = errors.New(err.Error())
	}
	return n, err
}

func (b bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if _, err := object.Stat(); minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		object.Close()
		return nil, fmt.Errorf("%w: %s is not in %s", ErrNone, name, b)
	} else if err != nil {
		object.Close()
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return object, nil
}

func (b bucket) List(ctx context.Context) ([]File, error) {
	var files []File
	for object := range b.client.ListObjectsIter(ctx, b.name,
		minio.ListObjectsOptions{Prefix: b.prefix}) {
		if object.Err != nil {
			return nil, fmt.Errorf("list backups: %w", object.Err)
		}
		files = append(files,
			File{strings.TrimPrefix(object.Key, b.prefix), object.Size, object.LastModified})
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files, nil
}

func (b bucket) Delete(ctx context.Context, name string) error {
	err := b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{})
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}
