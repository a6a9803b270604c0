// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Daemons;

/// <summary>ptp4l's answers to one round of queries, all within a fraction of a second.</summary>
public readonly record struct Ptp4lReport
{
    public ClockIdentity Own { get; init; }
    public byte Domain { get; init; }
    public int Ports { get; init; }

    /// <summary>The best of its ports: the slave, else the one nearest to that state.</summary>
    public PortData Port { get; init; }
    public ParentData Parent { get; init; }
    public CurrentData Current { get; init; }
    public TimeStatus Status { get; init; }
    public TimeProperties Properties { get; init; }

    /// <summary>Stamps of <see cref="Port"/>; null if this ptp4l does not report them.</summary>
    public StampKindOfPort? Stamps { get; init; }

    /// <summary>The interface of <see cref="Port"/>; null if not reported.</summary>
    public string? Interface { get; init; }

    /// <summary>N of the /dev/ptpN of <see cref="Port"/>; null if not reported, or without one.</summary>
    public int? Phc { get; init; }

    /// <summary>ptp4l follows a grandmaster other than itself.</summary>
    public bool IsFollowing => Port.State == PtpPortState.Slave && Status.IsGrandmasterPresent;
}

/// <summary>Counts of rejected datagrams and missing answers.</summary>
public struct QueryCounters
{
    public long Rounds, Unanswered, Malformed, NotOurs, Rejected, Repeated, Contradicting, SendFailures;
}

/// <summary>
/// Queries a ptp4l over its management socket. One thread. Each query reconnects if needed. It sends GET and no other action.
/// </summary>
public sealed class Ptp4lClient : IDisposable
{
    /// <summary>Default socket of ptp4l.</summary>
    public const string DefaultSocket = "/var/run/ptp4l";

    private const int MostSdo = 2;

    private static readonly ManagementId[] s_queries =
    [
        ManagementId.DefaultDataSet, ManagementId.ParentDataSet, ManagementId.CurrentDataSet, ManagementId.TimePropertiesDataSet,
        ManagementId.TimeStatus, ManagementId.PortDataSet,
        ManagementId.PortProperties, ManagementId.PortHardwareClock,
    ];

    private readonly string _address;
    private readonly byte _domain;
    private readonly PortIdentity _own = new(new(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1), 1);
    private readonly byte[] _buffer = new byte[ManagementMessage.MostReplyBytes];
    private readonly Dictionary<string, string> _names = [];
    private DaemonSocket? _socket;
    private QueryCounters _counters;
    private ushort _sequence;
    private byte _sdo;

    /// <param name="address">Socket of ptp4l.</param>
    /// <param name="domain">Its domainNumber: it ignores queries of other domains.</param>
    public Ptp4lClient(string address, byte domain) => (_address, _domain) = (address, domain);

    public QueryCounters Counters => _counters;

    /// <summary>Why the last query failed; null if it succeeded.</summary>
    public string? Fault { get; private set; }

    /// <summary>Sends all queries and waits for all answers.</summary>
    /// <param name="mostMs">Longest wait, ms.</param>
    /// <returns>False if answers are missing or inconsistent; <see cref="Fault"/> has the reason.</returns>
    public bool TryQuery(int mostMs, out Ptp4lReport report)
    {
        report = default;
        _counters.Rounds++;
        try
        {
            _socket ??= new DaemonSocket(_address, "capbox-ptp4l");
        }
        catch (IOException e)
        {
            return Fails($"ptp4l: {e.Message}: is it running?");
        }

        var round = new Ptp4lRound(_domain);
        ushort first = (ushort)(_sequence + 1);
        if (!TrySend())
        {
            // It ended, or restarted under the same name: the next query reconnects.
            Close();
            _counters.SendFailures++;
            return Fails($"ptp4l: {_address}: does not accept queries");
        }

        long endMs = Environment.TickCount64 + mostMs;
        while (!round.IsComplete && endMs - Environment.TickCount64 is > 0 and { } leftMs
            && _socket.TryReceive(_buffer, (int)leftMs, out int bytes))
        {
            Process(_buffer.AsSpan(0, bytes), first, round);
        }

        return Conclude(round, out report);
    }

    public void Dispose() => Close();

    private bool TrySend()
    {
        Span<byte> request = stackalloc byte[ManagementMessage.RequestBytes];
        foreach (ManagementId id in s_queries)
        {
            ManagementMessage.WriteGet(request, id, _own, _domain, _sdo, ++_sequence);
            if (!_socket!.TrySend(request))
                return false;
        }

        return true;
    }

    private void Process(ReadOnlySpan<byte> bytes, ushort first, Ptp4lRound round)
    {
        ReplyVerdict verdict = ManagementMessage.Read(bytes, _own, _domain, out ManagementReply reply);
        int query = (ushort)(reply.SequenceId - first);
        if (verdict == ReplyVerdict.Malformed)
            _counters.Malformed++;
        else if (verdict == ReplyVerdict.NotOurs || query >= s_queries.Length || s_queries[query] != reply.Id)
            _counters.NotOurs++; // or of an earlier round, too late
        else if (verdict == ReplyVerdict.Rejected)
            _counters.Rejected += round.Reject(reply.Id) ? 0 : 1;
        else
            Count(round.Add(reply));
    }

    private void Count(AnswerUse use)
    {
        if (use == AnswerUse.Malformed)
            _counters.Malformed++;
        else if (use == AnswerUse.Repeated)
            _counters.Repeated++;
    }

    private bool Conclude(Ptp4lRound round, out Ptp4lReport report)
    {
        if (round.IsComplete && round.TryConclude(out report))
        {
            report = report with { Interface = NameOf(round.Name) };
            Fault = null;
            return true;
        }

        report = default;
        if (round.IsComplete)
        {
            _counters.Contradicting++;
            return Fails("ptp4l: its answers contradict each other");
        }

        _counters.Unanswered++;
        if (!round.HasAny)
        {
            // ptp4l ignores other transportSpecific values than its own: 0, and 1 with 802.1AS.
            _sdo = (byte)((_sdo + 1) % MostSdo);
            return Fails(string.Create(CultureInfo.InvariantCulture, $"ptp4l: {_address}: no answer in domain {_domain}"));
        }

        return Fails($"ptp4l: {_address}: no answer to {round.Missing}");
    }

    private bool Fails(string fault)
    {
        Fault = fault;
        return false;
    }

    /// <summary>Returns the same object for the same name: this runs once a second.</summary>
    private string? NameOf(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty)
            return null;
        Span<char> letters = stackalloc char[name.Length];
        Encoding.ASCII.GetChars(name, letters);
        Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> lookup = _names.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(letters, out string? known))
            return known;
        if (_names.Count > 64)
            _names.Clear();
        string made = new(letters);
        _names.Add(made, made);
        return made;
    }

    private void Close()
    {
        _socket?.Dispose();
        _socket = null;
    }
}
