// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>What the engine measures, and how it asks.</summary>
public sealed class EngineTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Offset_and_delay_are_measured_with_one_and_two_steps(bool isTwoStep)
    {
        var bench = new EngineBench();
        bench.Add(1).IsTwoStep = isTwoStep;
        bench.Run(20);
        Assert.True(bench.Output.Exchanges.Count >= 8, $"{bench.Output.Exchanges.Count} exchanges");
        Assert.All(bench.Output.Exchanges, e =>
        {
            Assert.Equal(1_234, e.Exchange.OffsetNs, 6);
            Assert.Equal(5_000, e.Exchange.PathDelayNs, 6);
            Assert.True(e.Source.IsReference);
        });
        // The first second's Sync comes before the master has qualified.
        Assert.Equal(1, bench.Engine.Counters[Cause.UnknownMaster] / (isTwoStep ? 2 : 1));
        Assert.Equal(0, bench.Engine.Counters[Cause.Malformed]);
    }

    [Fact]
    public void Corrections_latencies_and_asymmetry_have_the_standards_signs()
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, IngressLatencyNs = 300, EgressLatencyNs = 200, DelayAsymmetryNs = 50.5 });
        FakeMaster master = bench.Add(1);
        (master.SyncCorrectionNs, master.DelayCorrectionNs) = (1_000.25, 2_000.5);
        bench.Run(6);
        DelayExchange last = bench.Output.Exchanges[^1].Exchange;
        // t2 - t1 and t4 - t3 as stamped, each less what is no path delay (IEEE 1588-2019 clauses 7.4.2, 11.3.2, 11.6).
        Assert.Equal(5_000 + 1_234 - 300 - 1_000.25 - 50.5, last.Sync.DifferenceNs, 6);
        Assert.Equal(5_000 - 1_234 - 200 - 2_000.5 + 50.5, last.Delay.DifferenceNs, 6);
    }

    [Fact]
    public void Samples_of_an_arbitrary_timescale_are_no_tai()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        master.Flags &= ~MessageFlags.PtpTimescale;
        bench.Run(5);
        (MeasurementSource source, PathSample sample) = bench.Output.Samples[^1];
        Assert.Equal(Timescale.Arbitrary, source.Timescale);
        Assert.False(sample.TryGetTai(source, out TaiTime sent, out _));
        Assert.Equal(default, sent);
        Assert.Equal(UtcKnowledge.None, bench.Engine.Utc.Knowledge);
        master.Flags |= MessageFlags.PtpTimescale;
        bench.Run(3);
        (source, sample) = bench.Output.Samples[^1];
        Assert.True(sample.TryGetTai(source, out sent, out _));
        Assert.Equal(sample.Sent.Nanoseconds, sent.Nanoseconds);
        Assert.Single(bench.Output.Of(EventKind.TimescaleChanged));
    }

    [Fact]
    public void Delay_requests_are_spaced_at_random_around_what_the_master_allows()
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, LogDelayInterval = -4 });
        List<long> times = [];
        FakeMaster master = bench.Add(1);
        master.DelayLog = 1;
        Action<PtpMessage, PeerAddress, uint> answer = bench.Output.OnRequest!;
        bench.Output.OnRequest = (m, to, token) =>
        {
            times.Add(bench.NowNs);
            answer(m, to, token);
        };
        bench.Run(600);
        List<double> gaps = [.. times.Skip(2).Zip(times.Skip(1), (a, b) => (a - b) / 1e9)];
        Assert.InRange(gaps.Average(), 1.8, 2.2);
        Assert.All(gaps, gap => Assert.InRange(gap, 0.25, 3.76));
        Assert.True(gaps.Count(gap => gap < 1) > gaps.Count / 10 && gaps.Count(gap => gap > 3) > gaps.Count / 10);
    }

    [Fact]
    public void One_request_is_under_way_and_a_missing_stamp_or_answer_ends_by_time()
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, LogDelayInterval = -4, DelayTimeoutMs = 700 });
        FakeMaster master = bench.Add(1);
        master.DelayLog = -4;
        bench.Run(3);
        bench.HasTransmitStamps = false;
        int before = bench.Output.Requests.Count;
        int measured = bench.Output.Exchanges.Count;
        bench.Run(7);
        Assert.InRange(bench.Output.Requests.Count - before, 9, 11);
        Assert.InRange(bench.Engine.Counters[Cause.TransmitStampMissing], 9, 10);
        Assert.Equal(0, bench.Engine.Counters[Cause.DelayRespMissing]);
        Assert.InRange(bench.Output.Exchanges.Count - measured, 0, 1);
        (bench.HasTransmitStamps, bench.HasAnswers) = (true, false);
        bench.Run(7);
        Assert.InRange(bench.Engine.Counters[Cause.DelayRespMissing], 9, 10);
        Assert.Single(bench.Output.Of(EventKind.DelayLost));
        bench.HasAnswers = true;
        bench.Run(2);
        Assert.Single(bench.Output.Of(EventKind.DelayRestored));
    }

    [Fact]
    public void An_answer_may_come_before_the_transmit_stamp()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        bench.Output.OnRequest = (request, _, token) =>
        {
            master.Answer(request);
            bench.Engine.TransmitStamped(token, new(bench.TaiNs + bench.LocalOffsetNs), bench.NowNs);
        };
        bench.Run(10);
        Assert.True(bench.Output.Exchanges.Count >= 4);
        Assert.Equal(1_234, bench.Output.Exchanges[^1].Exchange.OffsetNs, 6);
    }

    [Fact]
    public void Answers_that_are_late_repeated_foreign_or_made_up_do_nothing()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1), other = bench.Add(2, priority1: 200);
        bench.Run(10);
        PtpMessage last = bench.Output.Requests[^1].Message;
        int samples = bench.Output.Samples.Count;
        master.Answer(last);
        Assert.Equal(1, bench.Engine.Counters[Cause.DelayRespDuplicate]);
        master.Answer(last with { Header = last.Header with { SequenceId = (ushort)(last.Header.SequenceId + 1) } });
        master.Answer(bench.Output.Requests[^2].Message);
        Assert.Equal(2, bench.Engine.Counters[Cause.DelayRespUnmatched]);
        master.Answer(last with { Header = last.Header with { Source = new(EngineBench.Own.Clock, 2) } });
        Assert.Equal(1, bench.Engine.Counters[Cause.DelayRespOfOthers]);
        master.Send(master.AnswerMessage(last), from: other.Address);
        Assert.Equal(1, bench.Engine.Counters[Cause.WrongAddress]);
        long unknown = bench.Engine.Counters[Cause.UnknownMaster];
        new FakeMaster(bench, 9, 0).Answer(last);
        Assert.Equal(unknown + 1, bench.Engine.Counters[Cause.UnknownMaster]);
        Assert.Equal(samples, bench.Output.Samples.Count);
    }

    [Fact]
    public void In_the_enterprise_profile_each_master_is_asked_by_itself()
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, DelayMode = DelayMode.Unicast });
        FakeMaster a = bench.Add(1), b = bench.Add(2, priority1: 200);
        a.DelayLog = b.DelayLog = Header.NoInterval;
        b.ErrorNs = 700;
        bench.Run(30);
        Assert.All(bench.Output.Requests, r => Assert.True(r.Message.Header.Has(MessageFlags.Unicast) && !r.To.IsGroup));
        foreach (FakeMaster master in (FakeMaster[])[a, b])
        {
            ushort[] ids = [.. bench.Output.Requests.Where(r => r.To == master.Address).Select(r => r.Message.Header.SequenceId)];
            Assert.True(ids.Length > 15, $"{ids.Length} requests");
            Assert.Equal(Enumerable.Range(0, ids.Length).Select(i => (ushort)i), ids);
            double expected = 1_234 - master.ErrorNs;
            Assert.All(bench.Output.Exchanges.Where(e => e.Source.Port == master.Port), e => Assert.Equal(expected, e.Exchange.OffsetNs, 6));
        }

        Assert.Equal(2, bench.Engine.Comparison.Count);
        Assert.Equal(700, bench.Engine.Comparison.SpreadNs, 6);
    }

    [Fact]
    public void Who_never_answers_does_not_take_the_time_of_the_reference()
    {
        EngineBench bench = new(new EngineOptions { Own = EngineBench.Own, DelayMode = DelayMode.Unicast, LogDelayInterval = -3 });
        FakeMaster best = bench.Add(1, priority1: 1);
        FakeMaster silent = bench.Add(2);
        (best.DelayLog, silent.DelayLog) = (-3, -3);
        silent.Answers = false;
        bench.Run(30);
        bench.Output.Requests.Clear();
        bench.Run(64);
        Assert.InRange(bench.Output.Requests.Count(r => r.To == silent.Address), 3, 5);
        // Four of 64 seconds are waited for nothing.
        Assert.InRange(bench.Output.Requests.Count(r => r.To == best.Address), 400, 520);
        silent.Answers = true;
        bench.Run(20);
        bench.Output.Requests.Clear();
        bench.Run(10);
        Assert.InRange(bench.Output.Requests.Count(r => r.To == silent.Address), 60, 100);
    }

    [Fact]
    public void A_step_of_the_local_clock_parts_what_came_before_from_what_comes_after()
    {
        var bench = new EngineBench();
        bench.Add(1);
        bench.Run(10);
        int before = bench.Output.Exchanges.Count;
        bench.LocalOffsetNs = 5_000_000;
        bench.Engine.ClockStepped();
        bench.Run(10);
        Assert.True(bench.Output.Exchanges.Count > before + 3);
        Assert.All(bench.Output.Exchanges.Skip(before), e => Assert.Equal(5_000_000, e.Exchange.OffsetNs, 6));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(40 * EngineBench.Millisecond)]
    [InlineData(55 * EngineBench.Millisecond)]
    public void Requests_keep_the_mean_that_the_master_asks_for_however_late_the_caller_looks(long lookNs)
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, LogDelayInterval = -4 }) { LookNs = lookNs };
        bench.Add(1).DelayLog = -4;
        bench.Run(10);
        int before = bench.Output.Requests.Count;
        bench.Run(100);
        Assert.InRange(bench.Output.Requests.Count - before, 1_520, 1_680);
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        var output = new Silent();
        var engine = new PtpEngine(new EngineOptions { Own = EngineBench.Own, LogDelayInterval = -4, Domains = [0, 1] }, output);
        output.Engine = engine;
        int from = -200;
        Assert.Equal(0, Allocation.LeastOfThisThread(() => Allocate(engine, output, from += 200, 200)));
        Assert.True(output.Exchanges > 100, $"{output.Exchanges} exchanges");
    }

    private static void Allocate(PtpEngine engine, Silent output, int first, int count)
    {
        Span<byte> bytes = stackalloc byte[MessageWriter.MaxBytes];
        var master = new PortIdentity(new(0x0200_00FF_FE00_0001), 1);
        for (int i = first; i < first + count; i++)
        {
            long now = i * 62_500_000L;
            output.NowNs = now;
            for (int kind = 0; kind < 3; kind++)
            {
                MessageType type = kind == 0 ? MessageType.Announce : kind == 1 ? MessageType.Sync : MessageType.FollowUp;
                var message = new PtpMessage
                {
                    Header = new Header
                    {
                        Type = type,
                        SequenceId = (ushort)i,
                        Source = master,
                        LogInterval = -4,
                        Flags = type == MessageType.Sync ? MessageFlags.TwoStep : MessageFlags.PtpTimescale | MessageFlags.CurrentUtcOffsetValid,
                    },
                    Timestamp = new(now),
                    Announce = new Announce { Grandmaster = master.Clock, CurrentUtcOffsetSeconds = 37 },
                };
                int length = MessageWriter.Write(message, bytes);
                engine.Receive(bytes[..length], new Arrival(default, PtpChannel.Any, new PtpTimestamp(now), now));
            }

            engine.Tick(now);
            engine.NextWakeNs(now);
        }
    }

    /// <summary>Answers each request at once and keeps nothing.</summary>
    private sealed class Silent : IEngineOutput
    {
        private readonly byte[] _answer = new byte[MessageWriter.MaxBytes];

        public PtpEngine? Engine { get; set; }
        public long NowNs { get; set; }
        public int Exchanges { get; private set; }

        public void SendDelayReq(ReadOnlySpan<byte> message, PeerAddress to, uint token)
        {
            MessageParser.Parse(message, out PtpMessage request);
            var response = new PtpMessage
            {
                Header = new Header { Type = MessageType.DelayResp, SequenceId = request.Header.SequenceId, Source = new(new(0x0200_00FF_FE00_0001), 1), LogInterval = -4 },
                Timestamp = new(NowNs),
                Requesting = request.Header.Source,
            };
            int length = MessageWriter.Write(response, _answer);
            Engine!.TransmitStamped(token, new(NowNs), NowNs);
            Engine.Receive(_answer.AsSpan(0, length), new Arrival(default, PtpChannel.Any, null, NowNs));
        }

        public void Sampled(in MeasurementSource source, in PathSample sample)
        {
        }

        public void Exchanged(in MeasurementSource source, in DelayExchange exchange) => Exchanges++;

        public void Happened(in EngineEvent occurrence)
        {
        }
    }
}
