using Capbox.Platform.Linux;

namespace Capbox.Ptp.Transport;

/// <summary>
/// Changes of one interface's carrier, of the network namespace of the thread that makes it: an i40e loses the frequency adjustment
/// of its PHC at each of them.
/// </summary>
internal sealed class CarrierWatch : IDisposable
{
    private readonly LinkWatch _links;
    private readonly int _index;
    private bool? _hadCarrier;

    /// <exception cref="IOException">The kernel refuses.</exception>
    public CarrierWatch(string name, int index)
    {
        _index = index;
        _links = new LinkWatch($"{name}: watch the link");
        _hadCarrier = (_links.InterfaceFlags(name) & InterfaceRequest.IFF_RUNNING) != 0;
    }

    /// <summary>For poll(2).</summary>
    public int Fd => _links.Fd;

    /// <summary>Receives one report. A message is a change of carrier, or that there may have been one.</summary>
    public Reception Receive()
    {
        LinkReport report = _links.Read();
        switch (report.Kind)
        {
            case LinkReportKind.None:
                return Reception.None;
            case LinkReportKind.Lost:
                _hadCarrier = null;
                return Reception.Message;
            case LinkReportKind.Changed or LinkReportKind.Deleted when report.Index == _index:
                bool hasCarrier = report.Kind == LinkReportKind.Changed && (report.Flags & NetlinkNumbers.IFF_LOWER_UP) != 0;
                bool isChange = _hadCarrier != hasCarrier;
                _hadCarrier = hasCarrier;
                return isChange ? Reception.Message : Reception.Nothing;
            default:
                return Reception.Nothing;
        }
    }

    public void Dispose() => _links.Dispose();
}
