using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Daemons;

/// <summary>What ptp4l said in one round of questions, all within a fraction of a second.</summary>
public readonly record struct Ptp4lReport
{
    public ClockIdentity Own { get; init; }
    public byte Domain { get; init; }
    public int Ports { get; init; }

    /// <summary>The best of its ports: the one that follows, else the one that is nearest to it.</summary>
    public PortData Port { get; init; }
    public ParentData Parent { get; init; }
    public CurrentData Current { get; init; }
    public TimeStatus Status { get; init; }
    public TimeProperties Properties { get; init; }

    /// <summary>How <see cref="Port"/> stamps; null: this ptp4l does not tell.</summary>
    public StampKindOfPort? Stamps { get; init; }

    /// <summary>The interface of <see cref="Port"/>; null: it does not tell.</summary>
    public string? Interface { get; init; }

    /// <summary>N of /dev/ptpN of <see cref="Port"/>; null: it does not tell, or has none.</summary>
    public int? Phc { get; init; }

    /// <summary>It follows a grandmaster that is not itself.</summary>
    public bool IsFollowing => Port.State == PtpPortState.Slave && Status.IsGrandmasterPresent;
}

/// <summary>Datagrams that were no answers, and answers that did not come.</summary>
public struct QuestionCounters
{
    public long Rounds, Unanswered, Malformed, NotOurs, Refused, Repeated, Contradicting, SendFailures;
}

/// <summary>Asks a ptp4l over its management socket. One thread. Whether it is there or not: each question reconnects if it must. It only asks: GET, and no other action.</summary>
public sealed class Ptp4lClient : IDisposable
{
    /// <summary>Where ptp4l listens if it is not told otherwise.</summary>
    public const string DefaultSocket = "/var/run/ptp4l";

    private const int MostSdo = 2;

    private static readonly ManagementId[] s_questions =
    [
        ManagementId.DefaultDataSet, ManagementId.ParentDataSet, ManagementId.CurrentDataSet, ManagementId.TimePropertiesDataSet, ManagementId.TimeStatus, ManagementId.PortDataSet,
        ManagementId.PortProperties, ManagementId.PortHardwareClock,
    ];

    private readonly string _address;
    private readonly byte _domain;
    private readonly PortIdentity _own = new(new(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1), 1);
    private readonly byte[] _buffer = new byte[ManagementMessage.MostReplyBytes];
    private readonly Dictionary<string, string> _names = [];
    private QuestionSocket? _socket;
    private QuestionCounters _counters;
    private ushort _sequence;
    private byte _sdo;

    /// <param name="address">Its socket.</param>
    /// <param name="domain">Its domainNumber: it ignores questions of another one.</param>
    public Ptp4lClient(string address, byte domain) => (_address, _domain) = (address, domain);

    public QuestionCounters Counters => _counters;

    /// <summary>Why the last question had no answer; null: it had one.</summary>
    public string? Fault { get; private set; }

    /// <summary>Asks for everything, and waits for all of it.</summary>
    /// <param name="mostMs">How long at most.</param>
    /// <returns>False: nobody answers, or not all of it or not consistently; <see cref="Fault"/> tells.</returns>
    public bool TryAsk(int mostMs, out Ptp4lReport report)
    {
        report = default;
        _counters.Rounds++;
        try
        {
            _socket ??= new QuestionSocket(_address, "capbox-ptp4l");
        }
        catch (IOException e)
        {
            return Fails($"ptp4l: {e.Message}: is it running?");
        }

        var round = new Ptp4lRound(_domain);
        ushort first = (ushort)(_sequence + 1);
        if (!TrySend())
        {
            // It went away, or came anew under the same name: next time.
            Close();
            _counters.SendFailures++;
            return Fails($"ptp4l: {_address}: does not take questions any more");
        }

        long endMs = Environment.TickCount64 + mostMs;
        while (!round.IsComplete && endMs - Environment.TickCount64 is > 0 and { } leftMs && _socket.TryReceive(_buffer, (int)leftMs, out int bytes))
            Take(_buffer.AsSpan(0, bytes), first, round);
        return Conclude(round, out report);
    }

    public void Dispose() => Close();

    private bool TrySend()
    {
        Span<byte> request = stackalloc byte[ManagementMessage.RequestBytes];
        foreach (ManagementId id in s_questions)
        {
            ManagementMessage.WriteGet(request, id, _own, _domain, _sdo, ++_sequence);
            if (!_socket!.TrySend(request))
                return false;
        }

        return true;
    }

    private void Take(ReadOnlySpan<byte> bytes, ushort first, Ptp4lRound round)
    {
        ReplyVerdict verdict = ManagementMessage.Read(bytes, _own, _domain, out ManagementReply reply);
        int question = (ushort)(reply.SequenceId - first);
        if (verdict == ReplyVerdict.Malformed)
            _counters.Malformed++;
        else if (verdict == ReplyVerdict.NotOurs || question >= s_questions.Length || s_questions[question] != reply.Id)
            _counters.NotOurs++; // or of an earlier round: too late
        else if (verdict == ReplyVerdict.Refused)
            _counters.Refused += round.Refuse(reply.Id) ? 0 : 1;
        else
            Count(round.Take(reply));
    }

    private void Count(Taken taken)
    {
        if (taken == Taken.Malformed)
            _counters.Malformed++;
        else if (taken == Taken.Repeated)
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
            // ptp4l drops what has another transportSpecific than its own: 0, and 1 with 802.1AS.
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

    /// <summary>The same object for the same name: this comes once a second.</summary>
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
