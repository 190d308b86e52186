#!/bin/sh
# Pins every image of the compose files and the Dockerfile by content: asks its registry, through
# docker, for the digest of image:tag, and writes image:tag@sha256:… in its place. An image that is
# pinned already is asked for again, so that an update of a tag is a change to review. Nothing is
# written unless every digest was found.
set -eu
cd "${1:-$(dirname "$0")/../..}"
files='docker-compose.yml compose.dev.yml Dockerfile k6/Dockerfile'

# The names of images, without a digest: those that we build have no registry.
images=$(sed -n -e 's/^ *image: *\([^ @#]*\).*/\1/p' -e 's/^FROM \([^ @]*\).*/\1/p' $files |
	grep ':' | grep -v '[$]' | sort -u)
edits=$(mktemp)
trap 'rm -f "$edits"' EXIT
for image in $images; do
	digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
	case $digest in
	sha256:????????????????????????????????????????????????????????????????) ;;
	*)
		echo "$image: its registry does not tell a digest, but: $digest" >&2
		exit 1
		;;
	esac
	for end in '$' ' '; do
		printf 's#%s\(@sha256:[0-9a-f]*\)\{0,1\}%s#%s@%s%s#\n' "$image" "$end" "$image" "$digest" "${end#\$}" >>"$edits"
	done
	echo "$image $digest"
done
for file in $files; do
	sed -f "$edits" "$file" >"$file.new" && cat "$file.new" >"$file" && rm "$file.new"
done
