// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Port;
using Capbox.Ptp.Servo;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Live;

/// <summary>A port of ours on a host of a lab, with a clock in user space; its loop is turned by the test.</summary>
internal sealed class LiveSlave : IPortListener, IDisposable
{
    /// <summary>What the clock is off at the start: far beyond what is stepped away at first.</summary>
    public const long InitialNs = 5_000_000;

    /// <summary>The error of its oscillator.</summary>
    public const double OscillatorPpb = 20_000;

    public LiveSlave(PtpLab lab, int host, PtpSocketOptions socket, EngineOptions? engine = null, PortMode mode = PortMode.Steer, bool losesDial = false)
    {
        PtpPortOptions options = new()
        {
            Socket = socket,
            Engine = (engine ?? new EngineOptions { Own = default }) with { LogDelayInterval = -3 },
            Mode = mode,
            LosesFrequencyAtLinkChange = losesDial,
            // Software stamps on a shared machine: noise of many microseconds.
            Quality = new QualityPolicy(LockedNs: 200_000, TargetNs: 1_000_000_000),
        };
        Port = lab.Inside(host, () => new PtpPort(options, TimeBase.Software(Clock), this));
        Loop = new PtpLoop(Port);
    }

    /// <summary>What ptp4l serves with software stamps is CLOCK_REALTIME, whatever timescale it states: that is TAI here.</summary>
    public SoftwareClock Clock { get; } = new(InitialNs, OscillatorPpb);

    public PtpPort Port { get; }
    public PtpLoop Loop { get; }
    public List<EngineEvent> Events { get; } = [];
    public List<ClockStep> Steps { get; } = [];
    public List<string> Failures { get; } = [];
    public List<(MeasurementSource Source, DelayExchange Exchange)> Exchanges { get; } = [];

    /// <summary>The clock's true error now: the master serves this machine's CLOCK_REALTIME.</summary>
    public long ErrorNs => Clock.Read(ReferenceClock.Realtime).OffsetNs;

    /// <summary>The grandmaster that is followed; 0: none.</summary>
    public ulong Reference => Port.Status.Reference?.Data.Grandmaster.Value ?? 0;

    /// <summary>Turns the loop until a condition holds; the message says what was waited for, and how things stand.</summary>
    public void RunUntil(Func<bool> condition, string what, int seconds = Tool.LimitSeconds)
    {
        long end = Environment.TickCount64 + (seconds * 1000L);
        while (!condition())
        {
            if (Environment.TickCount64 > end)
                throw new TimeoutException($"waited {seconds} s for {what}: {Describe()}");
            Assert.True(Loop.Turn(100));
        }
    }

    /// <summary>Turns the loop until so many exchanges with a grandmaster more are there.</summary>
    public void RunExchanges(int count, ulong grandmaster)
    {
        int have = Count(grandmaster);
        RunUntil(() => Count(grandmaster) >= have + count, $"{count} exchanges with {new ClockIdentity(grandmaster)}");
    }

    /// <summary>Whether the clock is where the master is, as far as software stamps go, and knows it.</summary>
    public bool IsThere => Port.QualityNow().State is SyncState.Locked or SyncState.Degraded && Math.Abs(ErrorNs) < 200_000;

    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Port.Status}; {Port.QualityNow()}; error {ErrorNs} ns; steps {Steps.Count}; failures {string.Join(" | ", Failures)}; events {string.Join(", ", Events.Select(e => e.Kind))}; engine {Counts<Cause>(c => Port.EngineCounters[c])}; socket {Counts<SocketCause>(c => Port.SocketCounters[c])}; stale stamps {Port.StampsBeforeStep}");

    public void Happened(in EngineEvent occurrence) => Events.Add(occurrence);

    public void Exchanged(in MeasurementSource source, in DelayExchange exchange) => Exchanges.Add((source, exchange));

    public void Stepped(in ClockStep step) => Steps.Add(step);

    public void Found(in RawVerdict verdict) => Failures.Add(verdict.ToString());

    public void Accepted(double unresolvedNs) => Failures.Add($"accepted {unresolvedNs}");

    public void Failed(string message) => Failures.Add(message);

    public void Dispose()
    {
        Loop.Dispose();
        Port.Dispose();
        Clock.Dispose();
    }

    private int Count(ulong grandmaster) => Exchanges.Count(e => e.Source.Grandmaster.Value == grandmaster);

    private static string Counts<T>(Func<T, long> count) where T : struct, Enum => string.Join(", ", Enum.GetValues<T>().Where(c => count(c) != 0).Select(c => $"{c} {count(c)}"));
}
