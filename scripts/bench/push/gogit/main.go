// Command gogit changes the tag in a YAML file and pushes that, with go-git: what
// scripts/bench/push compares GuardedPush with.
//
//	TOKEN=... gogit ADDRESS FOLDER DEPTH FILE TAG
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gogit:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 5 {
		return errors.New("usage: TOKEN=... gogit ADDRESS FOLDER DEPTH FILE TAG")
	}
	address, dir, file, tag := args[0], args[1], args[3], args[4]
	depth, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	auth := &http.TokenAuth{Token: os.Getenv("TOKEN")}
	repo, err := git.PlainClone(dir, false, &git.CloneOptions{
		URL: address, Auth: auth, Depth: depth, SingleBranch: true, Tags: git.NoTags,
		ReferenceName: plumbing.NewBranchReferenceName("main"),
	})
	if err != nil {
		return err
	}
	if err := edit(filepath.Join(dir, filepath.FromSlash(file)), tag); err != nil {
		return err
	}
	tree, err := repo.Worktree()
	if err != nil {
		return err
	}
	// The quickest way: to find out itself what has changed, it would read all files.
	if err := tree.AddWithOptions(&git.AddOptions{Path: file, SkipStatus: true}); err != nil {
		return err
	}
	who := &object.Signature{Name: "Build", Email: "build@example.com", When: time.Now()}
	if _, err := tree.Commit("Deploy app-321 "+tag+" to prod", &git.CommitOptions{Author: who}); err != nil {
		return err
	}
	return repo.Push(&git.PushOptions{Auth: auth})
}

var tagLine = regexp.MustCompile(`(?m)^  tag: .*$`)

func edit(name, tag string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, tagLine.ReplaceAll(text, []byte("  tag: "+tag)), 0o644)
}
