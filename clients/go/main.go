// A client of Murmuration with nothing but generated code: `go run . 127.0.0.1:7700`.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	pb "murmuration.dev/gen/murmuration/v1"
)

// as names who acts; no request does.
func as(ctx context.Context, user int64) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "murmuration-actor-id", strconv.FormatInt(user, 10))
}

func must[T any](answer T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

func main() {
	channel := must(grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer channel.Close()
	users, tweets := pb.NewUserServiceClient(channel), pb.NewTweetServiceClient(channel)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	gopher := must(users.CreateUser(ctx, &pb.CreateUserRequest{Handle: "gopher", RequestId: uuid.NewString()})).User
	ctx = as(ctx, gopher.UserId)
	for n := 1; n <= 5; n++ {
		text := fmt.Sprintf("Hello %d from Go", n)
		must(tweets.CreateTweet(ctx, &pb.CreateTweetRequest{Text: text, RequestId: uuid.NewString()}))
	}
	home := &pb.ListHomeTimelineRequest{PageSize: 2}
	for more := true; more; more = home.PageToken != "" {
		page := must(pb.NewTimelineServiceClient(channel).ListHomeTimeline(ctx, home))
		for _, item := range page.Items {
			fmt.Println(item.Tweet.Text)
		}
		home.PageToken = page.NextPageToken
	}
	_, err := tweets.CreateTweet(ctx, &pb.CreateTweetRequest{Text: " "})
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			fmt.Println(status.Code(err), info.Domain, info.Reason)
		}
	}
}
