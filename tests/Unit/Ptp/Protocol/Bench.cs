// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>What an engine gave out, in order.</summary>
internal sealed class Recorded : IEngineOutput
{
    public List<(MeasurementSource Source, PathSample Sample)> Samples { get; } = [];
    public List<(MeasurementSource Source, DelayExchange Exchange)> Exchanges { get; } = [];
    public List<EngineEvent> Events { get; } = [];
    public List<(PtpMessage Message, PeerAddress To, uint Token)> Requests { get; } = [];

    /// <summary>What is done with a Delay_Req, inside the call.</summary>
    public Action<PtpMessage, PeerAddress, uint>? OnRequest { get; set; }

    public void SendDelayReq(ReadOnlySpan<byte> message, PeerAddress to, uint token)
    {
        if (MessageParser.Parse(message, out PtpMessage parsed) != ParseError.None)
            throw new InvalidOperationException("the engine sent what its parser refuses");
        Requests.Add((parsed, to, token));
        OnRequest?.Invoke(parsed, to, token);
    }

    public void Sampled(in MeasurementSource source, in PathSample sample) => Samples.Add((source, sample));

    public void Exchanged(in MeasurementSource source, in DelayExchange exchange) => Exchanges.Add((source, exchange));

    public void Happened(in EngineEvent occurrence) => Events.Add(occurrence);

    public List<EngineEvent> Of(EventKind kind) => Events.FindAll(e => e.Kind == kind);
}

/// <summary>
/// An engine with a made-up clock and made-up masters. The local clock is TAI plus <see cref="LocalOffsetNs"/>; every message takes <see cref="DelayNs"/>.
/// </summary>
internal sealed class EngineBench
{
    public const long Second = 1_000_000_000;
    public const long Millisecond = 1_000_000;
    public static readonly PortIdentity Own = new(ClockIdentity.FromMac([2, 0, 0, 0, 0, 0x99]), 1);

    private readonly List<FakeMaster> _masters = [];

    public EngineBench(EngineOptions? options = null)
    {
        Engine = new(options ?? new EngineOptions { Own = Own }, Output);
        Output.OnRequest = Request;
    }

    public Recorded Output { get; } = new();
    public PtpEngine Engine { get; }

    /// <summary>Monotonic time; <see cref="TaiAtStart"/> is TAI when it is 0.</summary>
    public long NowNs { get; set; } = 1_000 * Second;
    public long TaiAtStart { get; set; } = 1_795_000_000 * Second;
    public long TaiNs => TaiAtStart + NowNs;
    public long LocalOffsetNs { get; set; } = 1_234;
    public long DelayNs { get; set; } = 5_000;

    /// <summary>Whether transmit stamps come, and answers.</summary>
    public bool HasTransmitStamps { get; set; } = true;
    public bool HasAnswers { get; set; } = true;

    public FakeMaster Add(byte number, byte domain = 0, byte priority1 = 128)
    {
        var master = new FakeMaster(this, number, domain) { Priority1 = priority1 };
        _masters.Add(master);
        return master;
    }

    public void Receive(byte[] bytes, PeerAddress from, bool isStamped = false, PtpChannel channel = PtpChannel.Any) =>
        Engine.Receive(bytes, new Arrival(from, channel, isStamped ? new PtpTimestamp(TaiNs + DelayNs + LocalOffsetNs) : null, NowNs));

    /// <summary>0: the engine is ticked as it asks; else this often.</summary>
    public long LookNs { get; set; }

    /// <summary>Lets time go by: every master announces and syncs once a second.</summary>
    public void Run(double seconds)
    {
        long end = NowNs + (long)(seconds * Second);
        while (NowNs < end)
        {
            long next = Math.Min(end, Engine.NextWakeNs(NowNs));
            foreach (FakeMaster master in _masters)
                next = Math.Min(next, Math.Max(NowNs, master.NextNs));
            NowNs = LookNs > 0 ? NowNs + LookNs : Math.Max(next, NowNs + 1_000);
            foreach (FakeMaster master in _masters)
                master.Act();
            Engine.Tick(NowNs);
        }
    }

    private void Request(PtpMessage request, PeerAddress to, uint token)
    {
        if (HasTransmitStamps)
            Engine.TransmitStamped(token, new(TaiNs + LocalOffsetNs), NowNs);
        foreach (FakeMaster master in _masters)
        {
            if (HasAnswers && master.IsOn && master.Answers && master.Domain == request.Header.Domain && (to.IsGroup || to == master.Address))
                master.Answer(request);
        }
    }
}

/// <summary>A grandmaster of <see cref="EngineBench"/>.</summary>
internal sealed class FakeMaster(EngineBench bench, byte number, byte domain)
{
    private ushort _announceId;
    private ushort _syncId;

    public byte Domain => domain;
    public PortIdentity Port { get; set; } = new(ClockIdentity.FromMac([2, 0, 0, 0, 1, number]), 1);
    public PeerAddress Address { get; set; } = PeerAddress.Mac([2, 0, 0, 0, 1, number]);
    public ClockIdentity? Grandmaster { get; set; }
    public bool IsOn { get; set; } = true;
    public bool HasSyncs { get; set; } = true;
    public bool Answers { get; set; } = true;
    public bool IsTwoStep { get; set; } = true;
    public byte Priority1 { get; set; } = 128;
    public byte Class { get; set; } = 6;
    public ushort Steps { get; set; }
    public short UtcOffset { get; set; } = 37;
    public MessageFlags Flags { get; set; } = MessageFlags.PtpTimescale | MessageFlags.CurrentUtcOffsetValid | MessageFlags.TimeTraceable | MessageFlags.FrequencyTraceable;

    /// <summary>How far its time is from TAI, ns.</summary>
    public long ErrorNs { get; set; }
    public double SyncCorrectionNs { get; set; }
    public double DelayCorrectionNs { get; set; }
    public sbyte DelayLog { get; set; }
    public long NextNs { get; private set; }

    public void Act()
    {
        if (NextNs > bench.NowNs)
            return;
        NextNs = bench.NowNs + EngineBench.Second;
        if (!IsOn)
            return;
        SendAnnounce();
        if (HasSyncs)
            SendSync();
    }

    public void SendAnnounce() => Send(AnnounceMessage(_announceId++));

    public PtpMessage AnnounceMessage(ushort id) => new()
    {
        Header = Head(MessageType.Announce, id, Flags, 0),
        Announce = new Announce
        {
            CurrentUtcOffsetSeconds = UtcOffset,
            Priority1 = Priority1,
            Quality = new(Class, 0x21, 0x4E5D),
            Priority2 = 128,
            Grandmaster = Grandmaster ?? Port.Clock,
            StepsRemoved = Steps,
            TimeSource = 0x20,
        },
    };

    public void SendSync()
    {
        ushort id = _syncId++;
        Send(SyncMessage(id), isStamped: true);
        if (IsTwoStep)
            Send(FollowUpMessage(id));
    }

    public PtpMessage SyncMessage(ushort id) => new()
    {
        Header = Head(MessageType.Sync, id, IsTwoStep ? MessageFlags.TwoStep : MessageFlags.None, 0) with { Correction = Correction.FromNanoseconds(SyncCorrectionNs) },
        Timestamp = IsTwoStep ? default : new(bench.TaiNs + ErrorNs),
    };

    public PtpMessage FollowUpMessage(ushort id) => new() { Header = Head(MessageType.FollowUp, id, MessageFlags.None, 0), Timestamp = new(bench.TaiNs + ErrorNs) };

    public void Answer(in PtpMessage request) => Send(AnswerMessage(request));

    public PtpMessage AnswerMessage(in PtpMessage request) => new()
    {
        Header = Head(MessageType.DelayResp, request.Header.SequenceId, request.Header.Flags, DelayLog) with { Correction = Correction.FromNanoseconds(DelayCorrectionNs) },
        Timestamp = new(bench.TaiNs + bench.DelayNs + ErrorNs),
        Requesting = request.Header.Source,
    };

    public void Send(in PtpMessage message, bool isStamped = false, PeerAddress? from = null, PtpChannel channel = PtpChannel.Any)
    {
        byte[] bytes = new byte[MessageWriter.MaxBytes];
        bench.Receive(bytes[..MessageWriter.Write(message, bytes)], from ?? Address, isStamped, channel);
    }

    private Header Head(MessageType type, ushort id, MessageFlags flags, sbyte log) => new() { Type = type, Domain = domain, SequenceId = id, Flags = flags, Source = Port, LogInterval = log };
}
