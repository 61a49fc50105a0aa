// Vendure as `@vendure/create` sets it up, with PostgreSQL: default job queue, default search, sandbox payment that
// captures at once. Left out: pictures, mails, the dashboard, all of which would only make it slower.
const {
  DefaultJobQueuePlugin,
  DefaultLogger,
  DefaultSchedulerPlugin,
  DefaultSearchPlugin,
  LogLevel,
  dummyPaymentHandler,
} = require('@vendure/core');

exports.config = {
  apiOptions: {
    hostname: '127.0.0.1',
    port: Number(process.env.PEER_PORT),
    adminApiPath: 'admin-api',
    shopApiPath: 'shop-api',
  },
  authOptions: {
    tokenMethod: ['bearer', 'cookie'],
    superadminCredentials: { identifier: 'superadmin', password: process.env.PEER_PASSWORD },
    cookieOptions: { secret: process.env.PEER_PASSWORD },
  },
  dbConnectionOptions: {
    type: 'postgres',
    url: process.env.PEER_POSTGRES_URL,
    synchronize: process.env.PEER_SYNCHRONIZE === 'yes',
    logging: false,
  },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  importExportOptions: { importAssetsDir: __dirname },
  plugins: [
    DefaultSchedulerPlugin.init(),
    DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
    DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
  ],
};
