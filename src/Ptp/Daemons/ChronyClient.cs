using System.Globalization;

namespace Capbox.Ptp.Daemons;

/// <summary>Asks a chronyd how its clock stands. One thread. It only asks: the request needs no right, and changes nothing.</summary>
/// <param name="address">A path, or a loopback address with a port.</param>
public sealed class ChronyClient(string address) : IDisposable
{
    /// <summary>Where Debian's chronyd listens.</summary>
    public const string DefaultSocket = "/run/chrony/chronyd.sock";

    private readonly byte[] _buffer = new byte[512];
    private QuestionSocket? _socket;
    private QuestionCounters _counters;
    private uint _sequence = (uint)Random.Shared.Next();

    public QuestionCounters Counters => _counters;

    /// <summary>Why the last question had no answer; null: it had one.</summary>
    public string? Fault { get; private set; }

    /// <param name="mostMs">How long to wait at most.</param>
    /// <returns>False: nobody answers; <see cref="Fault"/> tells.</returns>
    public bool TryAsk(int mostMs, out ChronyTracking tracking)
    {
        tracking = default;
        _counters.Rounds++;
        try
        {
            // AppArmor lets Debian's chronyd write to /run/chrony.*.sock.
            _socket ??= new QuestionSocket(address, "chrony.capbox");
        }
        catch (IOException e)
        {
            return Fails($"chronyd: {e.Message}: is it running?");
        }

        Span<byte> request = stackalloc byte[ChronyMessage.TrackingRequestBytes];
        ChronyMessage.WriteTracking(request, ++_sequence);
        if (!_socket.TrySend(request))
        {
            Close();
            _counters.SendFailures++;
            return Fails($"chronyd: {address}: does not take questions any more");
        }

        long endMs = Environment.TickCount64 + mostMs;
        while (endMs - Environment.TickCount64 is > 0 and { } leftMs && _socket.TryReceive(_buffer, (int)leftMs, out int bytes))
        {
            if (Take(_buffer.AsSpan(0, bytes), out tracking) is { } good)
                return good;
        }

        _counters.Unanswered++;
        // By UDP nothing tells that the other one is another one now.
        Close();
        return Fails($"chronyd: {address}: no answer");
    }

    public void Dispose() => Close();

    /// <returns>Null: it was nothing, wait on.</returns>
    private bool? Take(ReadOnlySpan<byte> bytes, out ChronyTracking tracking)
    {
        switch (ChronyMessage.ReadTracking(bytes, _sequence, out tracking, out int status))
        {
            case ReplyVerdict.Good:
                Fault = null;
                return true;
            case ReplyVerdict.Refused:
                _counters.Refused++;
                return Fails(string.Create(CultureInfo.InvariantCulture, $"chronyd: {address}: refuses to tell (status {status})"));
            case ReplyVerdict.NotOurs:
                _counters.NotOurs++;
                return null;
            default:
                _counters.Malformed++;
                return null;
        }
    }

    private bool Fails(string fault)
    {
        Fault = fault;
        return false;
    }

    private void Close()
    {
        _socket?.Dispose();
        _socket = null;
    }
}
