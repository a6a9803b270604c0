// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Capbox.Ptp.Daemons;
using Xunit;

namespace Capbox.Ptp.Tests.External;

/// <summary>The client against somebody who answers badly, with the words of a real ptp4l.</summary>
public sealed class ClientTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-client-").FullName;
    private readonly Socket _server = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 2_000 };
    private readonly Ptp4lClient _client;
    private UnixDomainSocketEndPoint? _asker;

    public ClientTests()
    {
        string path = Path.Combine(_directory, "ptp4l");
        _server.Bind(new UnixDomainSocketEndPoint(path));
        _client = new Ptp4lClient(path, 0);
    }

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static byte[] Answer(byte[] request)
    {
        byte[] answer = Answers.Of((ManagementId)((request[52] << 8) | request[53]));
        request.AsSpan(20, 10).CopyTo(answer.AsSpan(34));
        request.AsSpan(30, 2).CopyTo(answer.AsSpan(30));
        return answer;
    }

    private bool Ask(Func<byte[], IEnumerable<byte[]>> answers, out Ptp4lReport report, int mostMs = 2_000)
    {
        Task serving = Task.Run(() =>
        {
            byte[] request = new byte[ManagementMessage.RequestBytes + 1];
            for (int i = 0; i < 8; i++)
            {
                System.Net.EndPoint from = new UnixDomainSocketEndPoint("/");
                Assert.Equal(ManagementMessage.RequestBytes, _server.ReceiveFrom(request, ref from));
                _asker = (UnixDomainSocketEndPoint)from;
                foreach (byte[] answer in answers(request))
                    _server.SendTo(answer, from);
            }
        });
        bool isAnswered = _client.TryQuery(mostMs, out report);
        Assert.True(serving.Wait(5_000));
        return isAnswered;
    }

    [Fact]
    public void Answers_are_taken()
    {
        Assert.True(Ask(r => [Answer(r)], out Ptp4lReport report), _client.Fault);
        Assert.Equal(("p0", true, null), (report.Interface, report.IsFollowing, _client.Fault));
        Assert.True(Ask(r => [Answer(r)], out Ptp4lReport again));
        Assert.Same(report.Interface, again.Interface);
        QueryCounters counters = _client.Counters;
        Assert.Equal((2L, 0L, 0L, 0L, 0L, 0L), (counters.Rounds, counters.Unanswered, counters.Malformed, counters.NotOurs, counters.Repeated, counters.Rejected));
    }

    [Fact]
    public void Second_answers_rubbish_and_answers_to_others_are_counted_and_ignored()
    {
        Assert.True(Ask(Badly, out Ptp4lReport report), _client.Fault);
        Assert.True(report.IsFollowing);
        QueryCounters counters = _client.Counters;
        // The last answer ends the round: what comes after it is of an earlier one in the next.
        Assert.InRange(counters.Repeated, 6, 7);
        Assert.Equal((16L, 8L), (counters.Malformed, counters.NotOurs));

        static IEnumerable<byte[]> Badly(byte[] request)
        {
            byte[] good = Answer(request), strangers = Answer(request);
            strangers[40] ^= 1;
            return [[], [1, 2, 3], strangers, good, good];
        }
    }

    [Fact]
    public void A_missing_answer_is_named_and_late_ones_are_not_taken_for_it()
    {
        byte[]? late = null;
        Assert.False(Ask(r => IsTimeStatus(r) ? Keep(r) : [Answer(r)], out _, mostMs: 2000));
        Assert.EndsWith("no answer to TIME_STATUS_NP", _client.Fault, StringComparison.Ordinal);
        Assert.False(Ask(r => IsTimeStatus(r) ? [late!] : [Answer(r)], out _, mostMs: 2000));
        Assert.EndsWith("no answer to TIME_STATUS_NP", _client.Fault, StringComparison.Ordinal);
        Assert.Equal((2L, 1L), (_client.Counters.Unanswered, _client.Counters.NotOurs));

        static bool IsTimeStatus(byte[] request) => request[52] == 0xC0 && request[53] == 0;

        IEnumerable<byte[]> Keep(byte[] request)
        {
            late = Answer(request);
            return [];
        }
    }

    [Fact]
    public void The_kernel_keeps_strangers_out()
    {
        Assert.True(Ask(r => [Answer(r)], out _));
        using Socket stranger = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        SocketException refused = Assert.Throws<SocketException>(() => stranger.SendTo(Answers.Of(ManagementId.TimeStatus), _asker!));
        Assert.Contains(refused.SocketErrorCode, new[] { SocketError.AccessDenied, SocketError.OperationNotSupported, SocketError.SocketError });
    }

    [Fact]
    public void Answers_that_contradict_each_other_are_no_report()
    {
        Assert.False(Ask(Other, out _));
        Assert.Equal(("ptp4l: its answers contradict each other", 1L), (_client.Fault, _client.Counters.Contradicting));

        static IEnumerable<byte[]> Other(byte[] request)
        {
            byte[] answer = Answer(request);
            if (request[52] == 0xC0 && request[53] == 0)
                answer[^1] ^= 1;
            return [answer];
        }
    }
}
