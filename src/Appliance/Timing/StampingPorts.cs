using Capbox.Packets.Capture;
using Capbox.Platform.Nic;

namespace Capbox.Timing;

/// <summary>Which PHC stamps the packets of each recorded port. Ports of other namespaces are not found: nothing is claimed of them.</summary>
/// <param name="places">The ports of the recorder by their place, now.</param>
internal sealed class StampingPorts(Func<IReadOnlyList<PortOptions>> places)
{
    private readonly int[] _phcs = Enumerable.Repeat(-1, RecordingPlan.MaxPorts).ToArray();
    private IReadOnlyList<PortOptions> _found = []; // as they were looked at

    public int Count => _phcs.Length;

    /// <summary>N of /dev/ptpN that stamps a port's packets; -1: none that is known, as of a place that has another port since they were looked at.</summary>
    public int this[int port]
    {
        get
        {
            IReadOnlyList<PortOptions> now = places();
            return port < _found.Count && port < now.Count && now[port].Name == _found[port].Name ? _phcs[port] : -1;
        }
    }

    /// <summary>Looks again: interfaces come and go.</summary>
    /// <returns>N of the PHCs that stamp every packet of a recorded port, with the driver.</returns>
    public SortedDictionary<int, string?> Find()
    {
        IReadOnlyList<ClockPort> all = ClockPort.List();
        IReadOnlyList<PortOptions> ports = places();
        Array.Fill(_phcs, -1);
        _found = ports;
        SortedDictionary<int, string?> stamping = [];
        for (int i = 0; i < ports.Count; i++)
        {
            ClockPort? port = ports[i].Netns is null ? all.FirstOrDefault(p => p.Name == ports[i].Interface) : null;
            _phcs[i] = port?.Clock ?? -1;
            if (port is { Clock: { } phc, PacketStamps: StampKind.Hardware })
                stamping[phc] = port.Driver;
        }

        return stamping;
    }
}
